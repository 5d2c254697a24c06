//! Passwords: Argon2id hashes, strength, one-time passwords.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use saas_domain::Random;

/// The second recommendation of RFC 9106 scaled to OWASP's floor: 19 MiB, two passes, one lane.
/// About 20 ms on a server's core, and small enough that a few at once do not fill a small machine.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How much is reserved for the work, of which only what it needs is touched. What is larger than
/// 32 MiB, glibc's malloc always maps and always gives back when it is freed. A block of 19 MiB it
/// maps only until the first one was freed (`M_MMAP_THRESHOLD` in mallopt(3)); from then on they
/// lay in the arena of each blocking thread, and stayed there, up to three in one arena.
const RESERVED_BYTES: usize = 33 << 20;

const MIN_CHARS: usize = 10;
const MAX_BYTES: usize = 256;

/// A hash could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The parameters were refused; they are constants, so this is a defect.
    #[error("Argon2 refused its parameters")]
    Parameters(#[source] argon2::Error),
    /// The password could not be hashed.
    #[error("the password could not be hashed")]
    Hash(#[source] password_hash::Error),
}

/// Why a password is too weak. The texts are for the person who chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short.
    #[error("use at least 10 characters; several words are easy to remember and hard to guess")]
    Short,
    /// Too long.
    #[error("use at most 256 bytes")]
    Long,
    /// Few different characters, a sequence, or among the first that anybody would try.
    #[error("this is among the first passwords that anybody would try; choose something else")]
    Guessable,
    /// Made of the person's own address.
    #[error("do not use your e-mail address as the password")]
    Personal,
}

/// The Argon2id hash in PHC string format. Blocks for tens of milliseconds and takes 19 MiB, given
/// back at the end: callers bound how many run at once, and keep them off the runtime's own threads.
pub fn hash_password(password: &str, random: &Random) -> Result<String, PasswordError> {
    let salt: [u8; 16] = random.bytes();
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(PasswordError::Parameters)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    phc_string(&argon2, password, &salt).map_err(PasswordError::Hash)
}

fn phc_string(
    argon2: &Argon2<'_>,
    password: &str,
    salt: &[u8],
) -> Result<String, password_hash::Error> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params())?,
        salt: Some(Salt::new(salt)?),
        hash: Some(compute(argon2, password, salt)?),
    };
    Ok(hash.to_string())
}

/// Whether the password is the one that was hashed. Costs as much as hashing; a hash that cannot
/// be read matches nothing.
pub fn verify_password(hash: &str, password: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
        return false;
    };
    // As the hash was made, whatever is the rule today.
    let computed = parameters(&hash).and_then(|argon2| compute(&argon2, password, salt));
    // `Output` compares in constant time.
    computed.is_ok_and(|computed| computed == *expected)
}

fn parameters(hash: &PasswordHash) -> Result<Argon2<'static>, password_hash::Error> {
    let version = hash
        .version
        .map_or(Ok(Version::default()), Version::try_from)?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    Ok(Argon2::new(algorithm, version, Params::try_from(hash)?))
}

fn compute(
    argon2: &Argon2<'_>,
    password: &str,
    salt: &[u8],
) -> Result<Output, password_hash::Error> {
    let params = argon2.params();
    let blocks = params.block_count();
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(blocks.max(RESERVED_BYTES / Block::SIZE))
        .map_err(|_| argon2::Error::OutOfMemory)?;
    memory.resize(blocks, Block::new());
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let mut output = [0; Output::MAX_LENGTH];
    let output = output
        .get_mut(..length)
        .ok_or(password_hash::Error::OutputSize)?;
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory)?;
    Ok(Output::new(output)?)
}

/// Whether a hash was made with other parameters than today's, and should be made anew at the next
/// sign-in.
pub fn needs_rehash(hash: &str) -> bool {
    let wanted = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
    !hash.starts_with(&wanted)
}

/// Refuses passwords that are guessed first. Length counts for more than odd characters (NIST SP
/// 800-63B), so there is no rule about those.
pub fn check_strength(password: &str, email: &str) -> Result<(), WeakPassword> {
    if password.chars().count() < MIN_CHARS {
        return Err(WeakPassword::Short);
    }
    if password.len() > MAX_BYTES {
        return Err(WeakPassword::Long);
    }
    let plain: String = password
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect();
    let local: String = email
        .split('@')
        .next()
        .unwrap_or_default()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect();
    let own = local.len() >= 4
        && plain.contains(&local)
        && plain
            .replace(&local, "")
            .chars()
            .filter(|c| c.is_alphabetic())
            .count()
            < 4;
    if password.eq_ignore_ascii_case(email) || own {
        return Err(WeakPassword::Personal);
    }
    if is_guessable(&plain) {
        return Err(WeakPassword::Guessable);
    }
    Ok(())
}

/// Words that make up most passwords of public breaches; what is left after taking them and the
/// digits away has to be something.
const COMMON: [&str; 24] = [
    "password",
    "passw0rd",
    "p4ssword",
    "qwertyuiop",
    "qwerty",
    "asdfghjkl",
    "asdf",
    "zxcvbnm",
    "letmein",
    "welcome",
    "administrator",
    "admin",
    "iloveyou",
    "woaini",
    "monkey",
    "dragon",
    "football",
    "changeme",
    "secret",
    "login",
    "default",
    "root",
    "test",
    "mima",
];

fn is_guessable(plain: &str) -> bool {
    let mut distinct: Vec<char> = plain.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 5 {
        return true;
    }
    let steps: Vec<i64> = plain
        .chars()
        .zip(plain.chars().skip(1))
        .map(|(a, b)| i64::from(u32::from(b)) - i64::from(u32::from(a)))
        .collect();
    let runs = steps.iter().filter(|step| matches!(step, -1..=1)).count();
    if runs * 4 >= steps.len() * 3 {
        return true;
    }
    let rest = COMMON
        .iter()
        .fold(plain.to_owned(), |text, word| text.replace(word, ""));
    rest.len() < plain.len() && rest.chars().filter(|c| c.is_alphabetic()).count() < 3
}

/// Letters and digits that are not mistaken for each other when copied from a screen.
const UNMISTAKABLE: &[u8; 30] = b"23456789abcdefghjkmnpqrstvwxyz";

/// A password to be used once and changed: 20 characters in groups of five, 98 bits.
pub fn one_time_password(random: &Random) -> String {
    let mut password = String::with_capacity(23);
    for place in 0..20 {
        if place > 0 && place % 5 == 0 {
            password.push('-');
        }
        let index = random.below(30) as usize;
        password.push(char::from(UNMISTAKABLE.get(index).copied().unwrap_or(b'2')));
    }
    password
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_password_and_nothing_else() {
        let random = Random::seeded(1);
        let hash = hash_password("correct horse battery", &random).unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify_password(&hash, "correct horse battery"));
        assert!(!verify_password(&hash, "correct horse batterz"));
        assert!(!verify_password("not a hash", "correct horse battery"));
        assert!(!needs_rehash(&hash));
        assert!(needs_rehash(
            "$argon2id$v=19$m=4096,t=2,p=1$c2FsdHNhbHQ$aGFzaA"
        ));
    }

    #[test]
    fn a_hash_made_elsewhere_with_other_parameters_is_understood() {
        // From the reference implementation's tests.
        let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(verify_password(hash, "password"));
        assert!(!verify_password(hash, "passwore"));
    }

    #[test]
    fn passwords_that_anybody_would_try_are_refused() {
        for weak in [
            "short",
            "aaaaaaaaaaaa",
            "1234567890",
            "abcdefghijkl",
            "Password123!",
            "Admin@2026",
            "qwertyuiop123",
            "woaini1314520",
        ] {
            assert!(check_strength(weak, "li@example.com").is_err(), "{weak}");
        }
        assert_eq!(
            check_strength("wang.fang2026", "wang.fang@example.com"),
            Err(WeakPassword::Personal)
        );
        for good in [
            "correct horse battery",
            "我家的猫每天早上五点叫我",
            "kT9#vv2-Lq0x",
        ] {
            assert_eq!(check_strength(good, "li@example.com"), Ok(()), "{good}");
        }
    }

    #[test]
    fn one_time_passwords_are_strong_and_differ() {
        let random = Random::os();
        let first = one_time_password(&random);
        assert_eq!(check_strength(&first, "admin@localhost"), Ok(()));
        assert_ne!(first, one_time_password(&random));
    }
}
