//! What tests need in place of the outside world, and the contract that every account store keeps.
//!
//! Fakes are named by place or by how they answer: [`InMemoryAccountStore`], [`ScriptedTokenExchange`],
//! [`RecordingEvents`]. They follow the rules of the real thing, so that a test of a use case says something about it.
//! A development dependency only: nothing here is ever deployed.

mod chance;
mod clock;
mod exchange;
mod fakes;
mod in_memory_store;
mod kept_connections;
mod measured;
mod nobody;
mod profiles;
mod publisher;
mod queue;
pub mod sample;
mod script;
mod sealer;
pub mod store_contract;

pub use chance::SeededChance;
pub use clock::FixedClock;
pub use exchange::{ExchangeCall, ScriptedTokenExchange};
pub use fakes::Fakes;
pub use in_memory_store::{InMemoryAccountStore, StoreOperation};
pub use kept_connections::{KeptConnections, Manner, Seen};
pub use measured::RecordingMetrics;
pub use nobody::NobodyThere;
pub use profiles::{ProfileCall, ScriptedProfileReader};
pub use publisher::RecordingEvents;
pub use queue::RecordingQueue;
pub use script::Script;
pub use sealer::PlainSealer;
