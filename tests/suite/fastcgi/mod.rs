//! The FastCGI gateway.
