//! Which files should be one file.

use std::collections::BTreeMap;
use std::sync::Arc;

use schema::Day;

use crate::delta::DeltaLog;
use crate::snapshot::DataFile;

/// A file joins smaller ones only if it is not much larger than all of them, so that each row is written again a few times at most.
const STEP_BYTES: u64 = 64 * 1024;
/// A day has no more large files than this: where much comes in a day, larger files count as small, too.
const LARGE_FILES_A_DAY: u64 = 64;
/// So many times the size of a small file is taken in one step at most, which bounds how long a step takes.
const STEP_FILES: u64 = 16;
/// Of a day that is over, so many times fewer files are enough: nothing more will come to join them.
const OVER: usize = 4;

/// When files are worth joining.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Files of a size after which they are joined.
    pub at_least: usize,
    /// Files below this many bytes count as small.
    pub small_bytes: u64,
    /// The day that is not over yet.
    pub today: Day,
}

/// Files of one day, in the order of their times.
#[derive(Debug)]
pub(super) struct Picked {
    pub date: Day,
    pub files: Vec<Arc<DataFile>>,
}

impl Picked {
    /// Returns the size of all files on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Picks files of one day that should be one file: the smallest, as many as are of a size, and of those the ones that lie next to
/// each other in time.
pub(super) fn pick(files: &[Arc<DataFile>], limits: Limits) -> Option<Picked> {
    let mut days: BTreeMap<Day, Vec<&Arc<DataFile>>> = BTreeMap::new();
    for file in files {
        days.entry(file.date).or_default().push(file);
    }
    days.into_iter().rev().find_map(|(date, files)| pick_of_day(date, files, limits))
}

fn pick_of_day(date: Day, mut files: Vec<&Arc<DataFile>>, limits: Limits) -> Option<Picked> {
    let small_bytes = limits.small_bytes.max(files.iter().map(|file| file.bytes).sum::<u64>() / LARGE_FILES_A_DAY);
    let at_least = if date < limits.today { (limits.at_least / OVER).max(2) } else { limits.at_least };
    files.retain(|file| file.bytes < small_bytes && DeltaLog::is_ours(&file.path));
    files.sort_by_key(|file| file.bytes);
    let starts = 0..(files.len() + 1).saturating_sub(at_least);
    let run = starts.map(|start| of_a_size(&files[start..])).find(|run| run.len() >= at_least)?;
    let mut run: Vec<Arc<DataFile>> = run.iter().map(|file| Arc::clone(file)).collect();
    run.sort_by_key(|file| (file.time.min, file.time.max));
    let mut bytes = 0;
    run.retain(|file| {
        let fits = bytes < STEP_FILES * small_bytes;
        bytes += file.bytes;
        fits
    });
    Some(Picked { date, files: run })
}

/// Returns the first of files in the order of their sizes, up to one that is much larger than all before it.
fn of_a_size<'a, 'b>(files: &'a [&'b Arc<DataFile>]) -> &'a [&'b Arc<DataFile>] {
    let mut sum = 0;
    let fits = files.iter().take_while(|file| {
        let fits = sum == 0 || file.bytes <= 2 * sum + STEP_BYTES;
        sum += file.bytes;
        fits
    });
    &files[..fits.count()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Bounds;

    const MB: u64 = 1_000_000;
    const LIMITS: Limits = Limits { at_least: 4, small_bytes: 16 * MB, today: Day(0) };

    fn file(path: String, bytes: u64, time: i64) -> Arc<DataFile> {
        let time = Bounds { min: Some(time), max: Some(time) };
        Arc::new(DataFile { path, bytes, rows: 1, date: Day(0), time, ingested: Bounds::default(), ids: None })
    }

    fn files(sizes: &[u64]) -> Vec<Arc<DataFile>> {
        (0..).zip(sizes).map(|(n, bytes)| file(format!("date=1970-01-01/wal-{n}.parquet"), *bytes, n)).collect()
    }

    #[track_caller]
    fn check(sizes: &[u64], limits: Limits, expected: &[u64]) {
        let picked = pick(&files(sizes), limits).map(|picked| picked.files.iter().map(|file| file.bytes).collect::<Vec<_>>());
        assert_eq!(picked.unwrap_or_default(), expected);
    }

    #[test]
    fn files_of_a_size_are_joined() {
        check(&[1_000; 3], LIMITS, &[]);
        check(&[1_000; 4], LIMITS, &[1_000; 4]);
        check(&[4 * MB; 5], LIMITS, &[4 * MB; 5]);
    }

    /// Or each new file of a kilobyte would have all of the day written again.
    #[test]
    fn a_large_file_waits_for_its_like() {
        check(&[9 * MB, 1_000, 1_000, 1_000, 1_000], LIMITS, &[1_000; 4]);
        check(&[9 * MB, 1_000, 1_000, 1_000], LIMITS, &[]);
    }

    #[test]
    fn one_small_file_does_not_keep_the_others_apart() {
        check(&[10, 4 * MB, 4 * MB, 4 * MB, 4 * MB], LIMITS, &[4 * MB; 4]);
    }

    #[test]
    fn a_day_that_is_over_is_joined_sooner() {
        let tomorrow = Limits { at_least: 16, today: Day(1), ..LIMITS };
        check(&[1_000; 3], tomorrow, &[]);
        check(&[1_000; 4], tomorrow, &[1_000; 4]);
        check(&[1_000; 4], Limits { today: Day(0), ..tomorrow }, &[]);
    }

    /// Files of 16 MB are large, unless the day has thousands of them.
    #[test]
    fn large_files_are_left_alone_unless_there_are_many() {
        check(&[16 * MB; 9], LIMITS, &[]);
        assert!(pick(&files(&[16 * MB; 200]), LIMITS).is_some());
    }

    /// Whatever comes in, and in what sizes, a day does not have 200 files for long.
    #[test]
    fn a_day_stays_under_200_files() {
        let limits = Limits { at_least: 64, ..LIMITS };
        let mut live: Vec<Arc<DataFile>> = Vec::new();
        for n in 0..20_000_u32 {
            let bytes = [3_000, 60_000, 900_000, 12 * MB][(n.wrapping_mul(2_654_435_761) >> 20) as usize % 4];
            live.push(file(format!("date=1970-01-01/wal-{n}.parquet"), bytes, i64::from(n)));
            while let Some(picked) = pick(&live, limits) {
                let bytes = picked.bytes();
                live.retain(|file| !picked.files.iter().any(|picked| picked.path == file.path));
                live.push(file(format!("date=1970-01-01/merged-{n}-{bytes}.parquet"), bytes, i64::from(n)));
            }
            assert!(live.len() < 200, "{} files after {n}", live.len());
        }
    }

    #[test]
    fn the_files_lie_next_to_each_other_in_time() {
        let limits = Limits { small_bytes: 1_000, ..LIMITS };
        let files: Vec<_> = (0..40).map(|n| file(format!("date=1970-01-01/wal-{n}.parquet"), 900, (n * 7) % 40)).collect();
        let picked = pick(&files, limits).unwrap();
        assert_eq!(picked.files.iter().map(|file| file.time.min.unwrap()).collect::<Vec<_>>(), (0..18).collect::<Vec<_>>());
    }

    #[test]
    fn files_of_other_programs_are_left_alone() {
        let theirs: Vec<_> = (0..9).map(|n| file(format!("date=1970-01-01/part-{n}.parquet"), 1_000, n)).collect();
        assert!(pick(&theirs, LIMITS).is_none());
    }
}
