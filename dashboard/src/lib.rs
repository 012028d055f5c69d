//! karat's dashboard.
