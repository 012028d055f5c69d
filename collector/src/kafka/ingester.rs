//! The ingester: one thread that reads what the group gives it and hands it to the store, no faster than that takes it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use schema::Clock;
use store::{Permit, Store, Stream, StreamRecord};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::client::Listener;
use super::message::Reader;
use super::readings::{Place, Readings};
use super::{KafkaConfig, KafkaError, KafkaHealth};
use crate::decode::Decoder;
use crate::otlp::Signal;

/// How long the library is asked for a message before something else is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How soon is looked again whether the store has room.
const ROOM: Duration = Duration::from_millis(10);
/// How often the group is told how far the tables are.
const TELL: Duration = Duration::from_secs(1);
/// How often is looked who else is in the group, and how long the brokers may take to say it.
const ROLL_CALL: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(1));
/// What is wrong where ingesters of one group have tables of their own.
const APART: &str = "this group has more than one ingester, and this one's tables are its own (store.root is empty): each has a part of the rows, and a \
                     partition that moves is read from its beginning. Give all of them one store.root, or each a kafka.group of its own";
/// How long a seek may take.
const SEEK: Duration = Duration::from_secs(5);

/// Reads the topics into the tables until `stop`.
#[allow(clippy::too_many_arguments, reason = "each is a part that the caller owns; wiring happens once")]
pub async fn ingest(
    config: KafkaConfig,
    password: Option<String>,
    request_bytes_max: usize,
    store: Store,
    decoder: Arc<Decoder>,
    clock: Clock,
    health: KafkaHealth,
    stop: CancellationToken,
) -> Result<(), KafkaError> {
    let readings = Readings::new(Listener { health }, store.clone(), Handle::current(), &config);
    let consumer: BaseConsumer<Readings> = consumer(&config, password.as_deref())?.create_with_context(readings)?;
    let reader = Reader { decoder, bytes_max: request_bytes_max };
    let prefetched = store.memory().take(2 * config.prefetch_bytes_max);
    let Some(prefetched) = prefetched else {
        return Err(KafkaError::Settings("prefetch_bytes_max is more than store.ingest_bytes_max leaves".to_owned()));
    };
    let is_alone = !store.has_shared_tables();
    let (waiting, told) = (VecDeque::new(), BTreeMap::new());
    let ingester = Ingester { config, consumer, reader, clock, stop, is_alone, waiting, told, _prefetched: prefetched };
    tokio::task::spawn_blocking(move || ingester.run()).await.map_err(|error| KafkaError::Task(error.to_string()))?
}

fn consumer(config: &KafkaConfig, password: Option<&str>) -> Result<rdkafka::ClientConfig, KafkaError> {
    let fetch_bytes = config.prefetch_bytes_max.max(config.message_bytes_max).to_string();
    let own: &[(&str, &str)] = &[
        ("group.id", config.group.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        // Whatever the reason is that an offset cannot be read, it is looked into here.
        ("auto.offset.reset", "error"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("session.timeout.ms", &config.session_timeout_ms.to_string()),
        ("heartbeat.interval.ms", &(config.session_timeout_ms / 4).to_string()),
        ("fetch.max.bytes", &fetch_bytes),
        ("queued.max.messages.kbytes", &(config.prefetch_bytes_max / 1024).max(1).to_string()),
        ("topic.metadata.refresh.interval.ms", "10000"),
        ("isolation.level", "read_committed"),
    ];
    config.client(password, own)
}

struct Ingester {
    config: KafkaConfig,
    consumer: BaseConsumer<Readings>,
    reader: Reader,
    clock: Clock,
    stop: CancellationToken,
    /// The tables are this node's own.
    is_alone: bool,
    /// Records that the store has no room for, in their order; nothing is fetched until it has.
    waiting: VecDeque<(Stream, Option<StreamRecord>)>,
    /// The offsets that the group was told of.
    told: BTreeMap<Place, u64>,
    _prefetched: Permit,
}

impl Ingester {
    fn run(mut self) -> Result<(), KafkaError> {
        if !self.meet_cluster() {
            return Ok(());
        }
        let topics = [Signal::Traces, Signal::Logs, Signal::Metrics].map(|signal| self.config.topics.of(signal).to_owned());
        self.consumer.subscribe(&topics.each_ref().map(String::as_str))?;
        let (mut told_at, mut called_at) = (Instant::now(), Instant::now());
        while !self.stop.is_cancelled() {
            self.retry_waiting()?;
            self.poll()?;
            if told_at.elapsed() >= TELL {
                told_at = Instant::now();
                self.read_again();
                self.tell(CommitMode::Async);
            }
            if self.is_alone && called_at.elapsed() >= ROLL_CALL.0 {
                called_at = Instant::now();
                self.call_roll();
            }
        }
        self.readings().commit_held();
        self.tell(CommitMode::Sync);
        Ok(())
    }

    /// Waits until a broker says which cluster this is; `false` where the stop comes first.
    fn meet_cluster(&self) -> bool {
        while !self.stop.is_cancelled() {
            if let Some(cluster) = self.consumer.client().fetch_cluster_id(TELL) {
                self.readings().listener.health.reached();
                tracing::info!(cluster, group = self.config.group, "reading from Kafka");
                *self.readings().cluster.lock() = cluster;
                return true;
            }
            // Errors are told by a poll, and only by one.
            let _ = self.consumer.poll(Duration::ZERO);
        }
        false
    }

    fn readings(&self) -> &Readings {
        self.consumer.context()
    }

    fn poll(&mut self) -> Result<(), KafkaError> {
        let patience = if self.waiting.is_empty() { POLL } else { ROOM };
        let (stream, mut record) = match self.consumer.poll(patience) {
            None => return Ok(()),
            Some(Err(error)) => return self.look_into(&error),
            Some(Ok(message)) => {
                let place = (message.topic().to_owned(), message.partition());
                // What was fetched before a partition was given up is read by whoever has it now.
                let (Some(stream), Some(signal)) = (self.readings().stream(&place), self.config.topics.signal_of(&place.0)) else { return Ok(()) };
                (stream, self.reader.record(&message, signal, (self.clock)()))
            }
        };
        // A partition that came while others wait is fetched from for a moment; its messages wait behind theirs.
        if self.waiting.is_empty() && stream.take(&mut record).is_ok() {
            return Ok(());
        }
        self.waiting.push_back((stream, record));
        Ok(self.consumer.pause(&self.consumer.assignment()?)?)
    }

    /// Hands over the records that there was no room for, and goes on fetching once all are gone.
    fn retry_waiting(&mut self) -> Result<(), KafkaError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        while let Some((stream, record)) = self.waiting.front_mut() {
            if stream.is_open() && stream.take(record).is_err() {
                return Ok(());
            }
            self.waiting.pop_front();
        }
        Ok(self.consumer.resume(&self.consumer.assignment()?)?)
    }

    /// Decides about an error of the library: most pass by themselves.
    fn look_into(&self, error: &ClientError) -> Result<(), KafkaError> {
        let fatal = self.consumer.client().fatal_error();
        if let Some((code, reason)) = fatal {
            return Err(KafkaError::Task(format!("{code}: {reason}")));
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                tracing::warn!(%error, "an offset cannot be read; where each partition stands is looked up again");
                self.readings().complete().iter().for_each(|(place, _)| self.readings().close_for_now(place));
            }
            _ => tracing::debug!(%error, "Kafka"),
        }
        Ok(())
    }

    /// Opens partitions again whose reading has ended though this ingester is in charge of them.
    fn read_again(&mut self) {
        for place in self.readings().unread() {
            let again = self.readings().open(&self.consumer, &place).and_then(|offset| {
                let Some(offset) = offset else { return Ok(()) };
                Ok(self.consumer.seek(&place.0, place.1, Offset::Offset(offset), SEEK)?)
            });
            if let Err(error) = again {
                tracing::warn!(%error, topic = place.0, partition = place.1, "cannot read a partition; it is tried again");
                self.readings().close_for_now(&place);
            }
        }
    }

    /// Looks whether others are in the group, though the tables are this node's own.
    fn call_roll(&self) {
        // Who reads nothing may be in no group that the brokers know, and the library cannot list none.
        if !self.consumer.assignment().is_ok_and(|assignment| assignment.count() > 0) {
            return;
        }
        let Ok(groups) = self.consumer.client().fetch_group_list(Some(&self.config.group), ROLL_CALL.1) else { return };
        let n_members = groups.groups().iter().find(|group| group.name() == self.config.group).map_or(0, |group| group.members().len());
        let warning = (n_members > 1).then_some(APART);
        if self.readings().listener.health.warns(warning)
            && let Some(warning) = warning
        {
            tracing::warn!(group = self.config.group, n_members, "{warning}");
        }
    }

    /// Tells the group, for those who look at its lag, and the health page how far the tables are.
    fn tell(&mut self, mode: CommitMode) {
        let health = &self.readings().listener.health;
        health.read(self.readings().status());
        let mut news = TopicPartitionList::new();
        for (place, next) in self.readings().complete() {
            let offset = Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX));
            if next > 0 && self.told.get(&place) != Some(&next) && news.add_partition_offset(&place.0, place.1, offset).is_ok() {
                self.told.insert(place, next);
            }
        }
        if news.count() > 0
            && let Err(error) = self.consumer.commit(&news, mode)
        {
            tracing::debug!(%error, "the group was not told how far the tables are");
        }
    }
}
