//! karat's evaluator.
