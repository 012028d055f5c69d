//! Measures of a value against the ones before it.

pub mod adwin;
pub mod change_points;
pub mod cusum;
pub mod e_detector;
pub mod empirical_bernstein;
pub mod ewma;
pub mod mean_cs;
pub mod page_hinkley;
pub mod relative_entropy;
pub mod robust_z;
pub mod seasonal_z;

pub use adwin::{Adwin, adwin};
pub use change_points::change_points;
pub use cusum::cusum;
pub use e_detector::e_detector;
pub use empirical_bernstein::empirical_bernstein_cs;
pub use ewma::ewma;
pub use mean_cs::{level_of_a_look, mean_cs, mean_cs_of, one_sided_reach, p_of_any_look};
pub use page_hinkley::{PageHinkley, page_hinkley};
pub use relative_entropy::relative_entropy;
pub use robust_z::{RobustZ, robust_z, robust_z_series};
pub use seasonal_z::{hour_of_week, seasonal_z};

mod history;
