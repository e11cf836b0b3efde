//! Counters: in full, or shortened so that they keep to a column of nine.

use super::Line;

impl Line {
    /// Appends a counter with at least one blank before it.
    ///
    /// Shortened counters are cut, never rounded: 1999999999 is `1999M`.
    pub(super) fn counter(&mut self, counter: u64, exact: bool) {
        let (divisor, suffix) = match counter {
            _ if exact => (1, None),
            0..100_000_000 => (1, None),
            100_000_000..1_000_000_000 => (1_000, Some(b'K')),
            1_000_000_000..100_000_000_000 => (1_000_000, Some(b'M')),
            100_000_000_000..100_000_000_000_000 => (1_000_000_000, Some(b'G')),
            100_000_000_000_000.. => (1_000_000_000_000, Some(b'T')),
        };
        match suffix {
            None if counter < 100_000_000 => self.right::<9>(counter),
            None => {
                self.byte(b' ');
                self.number(counter);
            }
            Some(suffix) => {
                self.right::<8>(counter / divisor);
                self.byte(suffix);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(counter: u64, exact: bool) -> String {
        let mut line = Line::default();
        line.counter(counter, exact);
        String::from_utf8(line.bytes().to_vec()).expect("text")
    }

    #[test]
    fn shortened_at_the_boundaries() {
        for (value, text) in [
            (0, "        0"),
            (99_999_999, " 99999999"),
            (100_000_000, "  100000K"),
            (999_999_999, "  999999K"),
            (1_000_000_000, "    1000M"),
            (99_999_999_999, "   99999M"),
            (100_000_000_000, "     100G"),
            (99_999_999_999_999, "   99999G"),
            (100_000_000_000_000, "     100T"),
            (u64::MAX, "18446744T"),
        ] {
            assert_eq!(counter(value, false), text, "{value}");
        }
    }

    #[test]
    fn exact_at_the_boundaries() {
        for (value, text) in [
            (0, "        0"),
            (99_999_999, " 99999999"),
            (100_000_000, " 100000000"),
            (u64::MAX, " 18446744073709551615"),
        ] {
            assert_eq!(counter(value, true), text, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_column_never_touches_the_one_before(value: u64, exact: bool) {
            let text = counter(value, exact);
            proptest::prop_assert!(text.len() >= 9);
            if exact || value < 10_000_000_000_000_000_000 {
                proptest::prop_assert!(text.starts_with(' '));
            }
        }
    }
}
