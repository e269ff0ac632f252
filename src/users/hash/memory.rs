//! Memory for a hash, or an error: the crates would end the process.

use std::hint::black_box;

use super::HashError;

/// What the crates need beside their large block: small blocks and the stack, which grows
/// into the same address space.
const SLACK: usize = 256 << 10;

/// Room for `count` values, beside which there is room for the rest of a hash.
pub(super) fn reserve<T>(count: usize) -> Result<Vec<T>, HashError> {
    let values = room(count)?;
    room::<u8>(SLACK)?;
    Ok(values)
}

/// Checks that a crate will find `bytes` and the rest, as it does not check itself.
pub(super) fn check(bytes: usize) -> Result<(), HashError> {
    reserve::<u8>(bytes).map(drop)
}

fn room<T>(count: usize) -> Result<Vec<T>, HashError> {
    let mut values = Vec::new();
    match values.try_reserve_exact(count) {
        // The compiler removes an allocation that nothing looks at.
        Ok(()) => Ok(black_box(values)),
        Err(_) => Err(HashError::Memory {
            bytes: count.saturating_mul(size_of::<T>()),
        }),
    }
}
