//! Alerts that reach people: receivers that work, fail, stall and lie, and a real Alertmanager.

mod alertmanager;
mod delivery;
mod mail;
mod receiver;
mod receivers;
