//! Users of the host, by name or number.

use std::fs;

/// The users that programs of this host know without asking anybody.
const PASSWD: &str = "/etc/passwd";

/// Reads a user's number, or looks the user's name up in `/etc/passwd`.
pub fn user(text: &str) -> Result<u32, String> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    let known = fs::read_to_string(PASSWD).map_err(|error| format!("cannot read {PASSWD}: {error}"))?;
    find(&known, text)
        .ok_or_else(|| format!("no user {text:?} in {PASSWD}; give the number (`id -u {text}`)"))
}

fn find(known: &str, name: &str) -> Option<u32> {
    known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let uid = (fields.next() == Some(name)).then(|| fields.nth(1))??;
        uid.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_names_and_numbers() {
        let known =
            "root:x:0:0:root:/root:/bin/sh\n# no user\nann:x:1000:1000::/home/ann:/bin/sh\nbroken:x\n";
        assert_eq!(find(known, "ann"), Some(1000));
        assert_eq!((find(known, "an"), find(known, "broken"), find(known, "")), (None, None, None));
        assert_eq!(user("65534"), Ok(65534));
        assert!(user("-1").is_err_and(|why| why.contains("give the number")));
    }
}
