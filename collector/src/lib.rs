//! karat's collector.
