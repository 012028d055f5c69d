//! The karat binary: reads the command line and hands over to the part that was asked for.

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = karat::cli::Cli::parse();
    match karat::cli::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => karat::cli::report(&error),
    }
}
