//! karat's measure.
