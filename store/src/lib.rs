//! karat's store.
