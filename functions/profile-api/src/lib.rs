//! The HTTP Lambda: a signed-in user's profile and background access.
