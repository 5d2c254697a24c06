//! Verified tokens of one thread, so that a signature is verified once and not for every request.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use super::Principal;

/// Tokens kept in each of the two generations.
const GENERATION: usize = 8192;
/// How much of a token's end is its key in the map.
const TAIL: usize = 32;

/// A bounded cache with the whole token as its key.
///
/// The map's own key is the token's last 32 bytes, part of its signature: unpredictable in a token
/// that was verified, and only those get in, so nobody can make entries collide. What is found is
/// compared as a whole. Two generations bound it: when the young one is full it becomes the old
/// one, and what is used is carried over.
#[derive(Debug, Default)]
pub struct TokenCache {
    generations: RefCell<[HashMap<[u8; TAIL], Kept>; 2]>,
    key_generation: Cell<u64>,
    hits: Cell<u64>,
    misses: Cell<u64>,
}

#[derive(Debug)]
struct Kept {
    token: Box<[u8]>,
    principal: Rc<Principal>,
}

impl TokenCache {
    /// Who the token stands for, if it was verified before. Whether it still holds is for the
    /// caller to look up.
    pub fn get(&self, token: &[u8]) -> Option<Rc<Principal>> {
        let key = tail(token)?;
        let [young, old] = &mut *self.generations.borrow_mut();
        if let Some(kept) = young.get(&key) {
            return (*kept.token == *token).then(|| Rc::clone(&kept.principal));
        }
        let kept = old.remove(&key)?;
        if *kept.token != *token {
            old.insert(key, kept);
            return None;
        }
        let principal = Rc::clone(&kept.principal);
        if young.len() < GENERATION {
            young.insert(key, kept);
        }
        Some(principal)
    }

    /// Keeps a token that was verified.
    pub fn insert(&self, token: &[u8], principal: Rc<Principal>) {
        let Some(key) = tail(token) else {
            return;
        };
        let generations = &mut *self.generations.borrow_mut();
        if generations[0].len() >= GENERATION {
            generations.swap(0, 1);
            generations[0].clear();
        }
        let token = token.into();
        generations[0].insert(key, Kept { token, principal });
    }

    /// Forgets everything if a key was removed since the last call.
    pub fn follow_keys(&self, key_generation: u64) {
        if self.key_generation.replace(key_generation) != key_generation {
            let [young, old] = &mut *self.generations.borrow_mut();
            young.clear();
            old.clear();
        }
    }

    pub(super) fn note_hit(&self) {
        self.hits.set(self.hits.get() + 1);
    }

    pub(super) fn note_miss(&self) {
        self.misses.set(self.misses.get() + 1);
    }

    /// Tokens found, and tokens that had to be verified, since the last call.
    pub fn take_counts(&self) -> (u64, u64) {
        (self.hits.take(), self.misses.take())
    }

    /// Forgets tokens that have expired, and gives memory back.
    pub fn sweep(&self, now: chrono::DateTime<chrono::Utc>) {
        for generation in &mut *self.generations.borrow_mut() {
            generation.retain(|_, kept| !kept.principal.is_expired(now));
            generation.shrink_to(64);
        }
    }
}

fn tail(token: &[u8]) -> Option<[u8; TAIL]> {
    token.last_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phases::tests::claims;

    fn token(number: usize) -> Vec<u8> {
        format!("head.{number}.{number:0>40}").into_bytes()
    }

    #[test]
    fn the_whole_token_is_the_key() {
        let cache = TokenCache::default();
        let principal = Rc::new(Principal::new(claims()));
        cache.insert(&token(1), Rc::clone(&principal));
        assert!(Rc::ptr_eq(&cache.get(&token(1)).unwrap(), &principal));
        let mut other = token(1);
        other[0] = b'x';
        assert!(cache.get(&other).is_none());
        assert!(cache.get(b"short").is_none());
        cache.follow_keys(1);
        assert!(cache.get(&token(1)).is_none());
    }

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let cache = TokenCache::default();
        let principal = Rc::new(Principal::new(claims()));
        cache.insert(&token(0), Rc::clone(&principal));
        for number in 1..5 * GENERATION {
            cache.insert(&token(number), Rc::clone(&principal));
            assert!(cache.get(&token(0)).is_some(), "{number}");
        }
        assert!(cache.get(&token(1)).is_none());
        let sizes = cache.generations.borrow();
        assert!(sizes[0].len() <= GENERATION && sizes[1].len() <= GENERATION);
    }
}
