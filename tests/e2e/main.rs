//! End-to-end tests over the real binary: one test program, since each links all of DataFusion.

mod demo;
mod faults;
mod floors;
mod kill;
mod lake;
mod sdk;
mod server;
