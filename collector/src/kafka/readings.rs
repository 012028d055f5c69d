//! The partitions that this ingester is in charge of, and how far each is read.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaResult;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use store::{Store, Stream};
use tokio::runtime::Handle;

use super::client::Listener;
use super::{KafkaConfig, KafkaError, PartitionStatus};

/// How long brokers may take to say where a partition begins and ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// A partition of a topic.
pub(super) type Place = (String, i32);

/// What became of a partition.
pub(super) enum Reading {
    /// It is read.
    On(Stream),
    /// It cannot be read, for this reason; a person must act.
    Off(String),
    /// It could not be opened, and is tried again.
    Later,
}

/// The partitions of one consumer; it hears of their coming and going.
pub(super) struct Readings {
    pub listener: Listener,
    pub store: Store,
    pub runtime: Handle,
    /// The name of the cluster, with which streams are named.
    pub cluster: Mutex<String>,
    pub epoch: u32,
    pub lookback_messages: u32,
    all: Mutex<BTreeMap<Place, Reading>>,
}

impl Readings {
    /// Begins without any.
    pub(super) fn new(listener: Listener, store: Store, runtime: Handle, config: &KafkaConfig) -> Self {
        let KafkaConfig { epoch, lookback_messages, .. } = *config;
        Self { listener, store, runtime, cluster: Mutex::default(), epoch, lookback_messages, all: Mutex::default() }
    }

    /// Returns the stream of a partition that is read.
    pub(super) fn stream(&self, place: &Place) -> Option<Stream> {
        match self.all.lock().get(place) {
            Some(Reading::On(stream)) if stream.is_open() => Some(stream.clone()),
            _ => None,
        }
    }

    /// Returns the partitions that are to be opened again, such as those to which another ingester has committed.
    pub(super) fn unread(&self) -> Vec<Place> {
        let all = self.all.lock();
        let unread = all.iter().filter(|(_, reading)| match reading {
            Reading::On(stream) => !stream.is_open(),
            Reading::Off(_) => false,
            Reading::Later => true,
        });
        unread.map(|(place, _)| place.clone()).collect()
    }

    /// Returns the offset before which everything is committed, for each partition that is read.
    pub(super) fn complete(&self) -> Vec<(Place, u64)> {
        let all = self.all.lock();
        let complete = all.iter().filter_map(|(place, reading)| match reading {
            Reading::On(stream) => stream.complete().map(|next| (place.clone(), next)),
            Reading::Off(_) | Reading::Later => None,
        });
        complete.collect()
    }

    /// Tells how far each partition is read.
    pub(super) fn status(&self) -> Vec<PartitionStatus> {
        let all = self.all.lock();
        let status = all.iter().map(|((topic, partition), reading)| {
            let (next, fault) = match reading {
                Reading::On(stream) => (stream.complete().unwrap_or_default(), None),
                Reading::Off(fault) => (0, Some(fault.clone())),
                Reading::Later => (0, None),
            };
            let committed_offset = next.checked_sub(1).and_then(|last| i64::try_from(last).ok());
            PartitionStatus { topic: topic.clone(), partition: *partition, committed_offset, fault, ..PartitionStatus::default() }
        });
        status.collect()
    }

    /// Begins to read a partition; returns the offset to begin at, or nothing where it cannot be read.
    pub(super) fn open<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>, place: &Place) -> Result<Option<i64>, KafkaError> {
        let (topic, partition) = place;
        let (first, end) = consumer.fetch_watermarks(topic, *partition, PATIENCE)?;
        self.listener.health.ends_at(topic, *partition, end);
        let stream = self.runtime.block_on(self.store.open_stream(&self.name_of(place)))?;
        let start = i64::try_from(stream.start()).unwrap_or(i64::MAX);
        if start > end {
            let fault = format!(
                "{topic}/{partition} ends at offset {end}, and the tables have it up to {start}: the topic was made anew. Raise kafka.epoch to read it from its beginning"
            );
            tracing::error!(
                topic,
                partition,
                start,
                end,
                "a partition ends before what was read of it; raise kafka.epoch if the topic was made anew"
            );
            stream.close();
            self.all.lock().insert(place.clone(), Reading::Off(fault));
            return Ok(None);
        }
        if start > 0 && start < first {
            tracing::error!(
                topic,
                partition,
                n_messages = first - start,
                "the brokers deleted messages before they were read; raise the topic's retention"
            );
        }
        tracing::info!(topic, partition, start, end, "reading a partition");
        self.all.lock().insert(place.clone(), Reading::On(stream));
        Ok(Some((start - i64::from(self.lookback_messages)).max(first)))
    }

    /// Ends the reading of a partition that another ingester gets.
    fn close(&self, place: &Place) {
        let reading = self.all.lock().remove(place);
        if let Some(Reading::On(stream)) = reading {
            stream.close();
        }
    }

    /// Ends the reading of a partition that stays here, to open it again.
    pub(super) fn close_for_now(&self, place: &Place) {
        let reading = self.all.lock().get_mut(place).map(|reading| std::mem::replace(reading, Reading::Later));
        if let Some(Reading::On(stream)) = reading {
            stream.close();
        }
    }

    /// Commits what is held, so that whoever gets the partitions has less to read again; gives up soon, for the group waits.
    pub(super) fn commit_held(&self) {
        let committed = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.store.flush()).await });
        match committed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what was held of partitions was not committed; it is read from Kafka again"),
            Err(_) => tracing::warn!("what was held of partitions took long to commit; it may be read from Kafka again"),
        }
    }

    fn name_of(&self, (topic, partition): &Place) -> String {
        let cluster = self.cluster.lock();
        match self.epoch {
            0 => format!("kafka:{cluster}/{topic}/{partition}"),
            epoch => format!("kafka:{cluster}/{topic}/{partition}/{epoch}"),
        }
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) -> Result<(), KafkaError> {
        let mut from = TopicPartitionList::new();
        for place in places(partitions) {
            let opened = self.open(consumer, &place).unwrap_or_else(|error| {
                tracing::warn!(%error, topic = place.0, partition = place.1, "cannot begin to read a partition; it is tried again");
                self.all.lock().insert(place.clone(), Reading::Later);
                None
            });
            // What comes of a partition that is not read is left alone; it is sought once it is.
            from.add_partition_offset(&place.0, place.1, opened.map_or(Offset::End, Offset::Offset))?;
        }
        Ok(if is_cooperative(consumer) { consumer.incremental_assign(&from) } else { consumer.assign(&from) }?)
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) -> KafkaResult<()> {
        if !consumer.assignment_lost() {
            self.commit_held();
        }
        places(partitions).iter().for_each(|place| self.close(place));
        if is_cooperative(consumer) { consumer.incremental_unassign(partitions) } else { consumer.unassign() }
    }
}

fn is_cooperative<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> bool {
    matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
}

fn places(partitions: &TopicPartitionList) -> Vec<Place> {
    partitions.elements().iter().map(|of| (of.topic().to_owned(), of.partition())).collect()
}

impl ClientContext for Readings {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.listener.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.listener.stats(statistics);
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }
}

impl ConsumerContext for Readings {
    /// Takes partitions on at the offset that the tables want, and not at the one that the group has: that one is only for people.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let outcome = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, partitions),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => self.revoke(consumer, partitions).map_err(KafkaError::from),
            event => {
                tracing::warn!(?event, "a rebalance of the group failed");
                self.revoke(consumer, partitions).map_err(KafkaError::from)
            }
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "partitions could not be taken on or given up; restart this ingester if it does not read");
        }
    }
}
