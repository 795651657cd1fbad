//! The job: alone with fakes, on the emulator, and as the program that is deployed.

#![cfg(test)]

mod fixture;
mod keys;
mod program;
mod stack;
mod turns;
