//! Numbers and addresses as the C library reads them.

use std::net::Ipv4Addr;

/// `isspace` of the C locale.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// What `strtol(text, &end, 10)` returns, whether it ran over, and what is behind the number;
/// `None` where there is no number.
pub(crate) fn strtol(text: &[u8]) -> Option<(i64, bool, &[u8])> {
    let blanks = text.iter().take_while(|byte| is_space(**byte)).count();
    let (negative, digits) = match &text[blanks..] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let magnitude = digits[..count].iter().try_fold(0_i64, |number, digit| {
        let digit = i64::from(digit - b'0');
        let number = number.checked_mul(10)?;
        if negative { number.checked_sub(digit) } else { number.checked_add(digit) }
    });
    let limit = if negative { i64::MIN } else { i64::MAX };
    Some((magnitude.unwrap_or(limit), magnitude.is_none(), &digits[count..]))
}

/// A number that is the whole text, blanks before it aside, and within the bounds.
pub(crate) fn number(text: &[u8], least: i64, most: i64) -> Option<i64> {
    let (number, overflow, behind) = strtol(text)?;
    (behind.is_empty() && !overflow && (least..=most).contains(&number)).then_some(number)
}

/// `atoi`: the number at the beginning, in 32 bits whatever it was, or 0.
pub(crate) fn atoi(text: &[u8]) -> i32 {
    strtol(text).map_or(0, |(number, ..)| number as i32)
}

/// `atol`: the number at the beginning, the nearest that there is if it is too large, or 0.
pub(crate) fn atol(text: &[u8]) -> i64 {
    strtol(text).map_or(0, |(number, ..)| number)
}

/// What `strtoul(text, &end, 0)` returns, 0 if there is no number, and what is behind it. A
/// minus wraps around; what is too large is the largest number.
pub(crate) fn strtoul(text: &[u8]) -> (u64, &[u8]) {
    let blanks = text.iter().take_while(|byte| is_space(**byte)).count();
    let (negative, digits) = match &text[blanks..] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, &digits[2..]),
        [b'0', ..] => (8, digits),
        _ => (10, digits),
    };
    let count = digits.iter().take_while(|byte| char::from(**byte).is_digit(radix)).count();
    if count == 0 {
        return (0, text);
    }
    let number = digits[..count].iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(radix)?;
        number.checked_mul(radix.into())?.checked_add(digit.into())
    });
    let behind = &digits[count..];
    match number {
        None => (u64::MAX, behind),
        Some(number) if negative => (number.wrapping_neg(), behind),
        Some(number) => (number, behind),
    }
}

/// `inet_aton`: one to four parts, each decimal, octal or hexadecimal, and anything behind a
/// blank.
pub(crate) fn inet_aton(text: &[u8]) -> Option<Ipv4Addr> {
    let mut rest = text;
    let mut leading = Vec::with_capacity(3);
    let last = loop {
        let (part, behind) = part(rest)?;
        match behind {
            [b'.', behind @ ..] => {
                if leading.len() == 3 {
                    return None;
                }
                leading.push(u8::try_from(part).ok()?);
                rest = behind;
            }
            [] => break part,
            [byte, ..] if is_space(*byte) => break part,
            _ => return None,
        }
    };
    // The last part fills the bytes that the others leave.
    let bytes = 4 - leading.len() as u32;
    if u64::from(last) >> (8 * bytes) != 0 {
        return None;
    }
    let high = leading.iter().enumerate().fold(0_u32, |address, (index, part)| {
        address | u32::from(*part) << (24 - 8 * index as u32)
    });
    Some(Ipv4Addr::from_bits(high | last))
}

/// A part of an address: `strtoul(text, &end, 0)` of a text that begins with a digit.
fn part(text: &[u8]) -> Option<(u32, &[u8])> {
    let (radix, digits) = match text {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, &text[2..]),
        [b'0', ..] => (8, text),
        [b'1'..=b'9', ..] => (10, text),
        _ => return None,
    };
    let count = digits.iter().take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let mut number = 0_u32;
    for digit in &digits[..count] {
        let digit = char::from(*digit).to_digit(radix)?;
        number = number.checked_mul(radix)?.checked_add(digit)?;
    }
    Some((number, &digits[count..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("80", Some(80)),
            (" +80", Some(80)),
            ("\t080", Some(80)),
            ("65535", Some(65535)),
            ("65536", None),
            ("-1", None),
            ("80 ", None),
            ("80x", None),
            ("0x50", None),
            ("", None),
            ("+", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(number(text.as_bytes(), 0, 65535), expected, "{text:?}");
        }
        assert_eq!(number(b"9223372036854775807", 0, i64::MAX), Some(i64::MAX));
        assert_eq!(number(b"9223372036854775808", 0, i64::MAX), None);
    }

    #[test]
    fn atoi_wraps() {
        for (text, expected) in [
            ("64", 64),
            ("24x", 24),
            (" 25", 25),
            ("", 0),
            ("4294967360", 64),
            ("99999999999999999999", -1),
            ("-99999999999999999999", 0),
        ] {
            assert_eq!(atoi(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn unsigned_numbers_of_any_base() {
        for (text, expected, behind) in [
            ("10/5", 10, "/5"),
            (" 0x1fg", 0x1f, "g"),
            ("0x", 0, "x"),
            ("017", 0o17, ""),
            ("08", 0, "8"),
            ("-1", u64::MAX, ""),
            ("+3", 3, ""),
            ("99999999999999999999", u64::MAX, ""),
            ("foo", 0, "foo"),
            (" -", 0, " -"),
            ("", 0, ""),
        ] {
            assert_eq!(strtoul(text.as_bytes()), (expected, behind.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("10.0.0.1", Some([10, 0, 0, 1])),
            ("10.1", Some([10, 0, 0, 1])),
            ("10.1.258", Some([10, 1, 1, 2])),
            ("167772161", Some([10, 0, 0, 1])),
            ("0x0a000001", Some([10, 0, 0, 1])),
            ("010.1.1.1", Some([8, 1, 1, 1])),
            ("1.2.3.4 anything", Some([1, 2, 3, 4])),
            ("255.255.255.255", Some([255; 4])),
            ("0", Some([0; 4])),
            ("24", Some([0, 0, 0, 24])),
            (" 1.2.3.4", None),
            ("1.2.3.4.5", None),
            ("1.2.3.256", None),
            ("1.256.3", None),
            ("4294967296", None),
            ("1.2.3.", None),
            ("08.1.1.1", None),
            ("0x", None),
            ("1.2.3.4x", None),
            ("", None),
        ] {
            assert_eq!(inet_aton(text.as_bytes()), expected.map(Ipv4Addr::from), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_dotted_address_reads_back(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            proptest::prop_assert_eq!(inet_aton(address.to_string().as_bytes()), Some(address));
        }

        #[test]
        fn any_bytes_are_read_or_refused(text: Vec<u8>, least: i64, most: i64) {
            let _ = atoi(&text);
            let (_, behind) = strtoul(&text);
            proptest::prop_assert!(text.ends_with(behind));
            let _ = inet_aton(&text);
            if let Some(number) = number(&text, least, most) {
                proptest::prop_assert!((least..=most).contains(&number));
            }
        }
    }
}
