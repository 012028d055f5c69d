//! Texts of the demo: an invented company, its customers and its staff.

pub mod calls;
pub mod help;
pub mod prompts;
pub mod workshop;
