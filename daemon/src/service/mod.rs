//! The socket: HTTP/1.1 and JSON for the one user whose files these are.
//!
//! `socket` makes the socket and guards it, `server` carries connections, `routes` lists what
//! there is, `dispatch` puts every request through the same gates (known names, a bound on
//! concurrent work, a body limit, a deadline, a net for panics), `handlers` answer. `wire` fixes
//! what goes over it. Promise: whatever bytes arrive, the daemon lives and the next request is
//! answered.

pub mod api;
mod bridge;
pub mod dispatch;
mod events;
pub mod fault;
mod handlers;
mod named;
pub mod params;
pub mod routes;
pub mod server;
pub mod socket;
#[cfg(test)]
mod tests_support;
pub mod wire;

pub use api::{Api, ApiError};
pub use server::serve;
pub use socket::{Claimed, SocketError, claim};
