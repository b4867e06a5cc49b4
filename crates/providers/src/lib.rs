//! (first content follows)
