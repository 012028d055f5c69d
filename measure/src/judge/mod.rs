//! What a judge's verdicts are worth beside people's.

pub mod agreement;
pub mod length;
pub mod ppi;
pub mod rogan_gladen;

pub use agreement::{cohen_kappa, jurors_worth, krippendorff_alpha};
pub use length::{LengthControl, control_length, spearman};
pub use ppi::{Corrected, ppi_mean, ppi_rate};
pub use rogan_gladen::{Calibration, rogan_gladen};
