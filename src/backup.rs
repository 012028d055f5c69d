//! `karat backup` and `karat restore`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use store::Manifest;

use crate::clock;
use crate::config::Config;

/// Flags of `karat backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Data directory to copy; a server may run on it.
    #[arg(long, env = "KARAT_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where the copy goes: a directory that is empty or not there yet.
    pub to: PathBuf,
}

/// Flags of `karat restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Data directory to make; it must be empty or not there yet.
    #[arg(long, env = "KARAT_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The backup to put there.
    pub from: PathBuf,
}

/// Copies the data directory, whole and consistent.
pub async fn run(config: &Config, args: &BackupArgs) -> anyhow::Result<u8> {
    let mut settings = config.store.clone();
    if let Some(data) = &args.data {
        settings.data.clone_from(data);
    }
    let manifest = store::backup(&settings, &args.to, clock::now()).await?;
    tell("copied", &manifest, &args.to.display().to_string())
}

/// Puts a backup in the place of a data directory.
pub async fn restore(config: &Config, args: &RestoreArgs) -> anyhow::Result<u8> {
    let mut settings = config.store.clone();
    if let Some(data) = &args.data {
        settings.data.clone_from(data);
    }
    let manifest = store::restore(&settings, &args.from).await?;
    let code = tell("restored", &manifest, &settings.data.display().to_string())?;
    writeln!(std::io::stdout().lock(), "whom `karat forget` has removed since the backup was made is back: ask again for each of them")?;
    Ok(code)
}

fn tell(done: &str, manifest: &Manifest, to: &str) -> anyhow::Result<u8> {
    let (tables, files, megabytes) = (manifest.tables.len(), manifest.files.len(), manifest.bytes() / 1_000_000);
    writeln!(std::io::stdout().lock(), "{done} {tables} tables, {files} files, {megabytes} MB to {to}")?;
    Ok(0)
}
