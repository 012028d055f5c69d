//! karat's monitor.
