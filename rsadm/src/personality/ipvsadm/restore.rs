//! The lines that `-R` reads.

/// The words of a line. ipvsadm knows neither quotes nor comments, and takes its own name out
/// wherever it stands, so that a script of its command lines can be fed to it.
pub(super) fn words(line: &[u8]) -> Vec<Vec<u8>> {
    line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .filter(|word| !word.is_empty() && *word != b"ipvsadm")
        // A word is a C string.
        .map(|word| word.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(line: &[u8]) -> String {
        words(line)
            .iter()
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn lines() {
        assert_eq!(joined(b"-A -t 10.0.0.1:80\r\n"), "-A|-t|10.0.0.1:80");
        assert_eq!(joined(b"ipvsadm  -A\tipvsadm -t x ipvsadm"), "-A|-t|x");
        assert_eq!(joined(b"-A \"-s\" # x"), "-A|\"-s\"|#|x");
        assert_eq!(joined(b"  \t \r\n"), "");
        assert_eq!(joined(b"/sbin/ipvsadm -C"), "/sbin/ipvsadm|-C");
        assert_eq!(joined(b"-A -t 10.0.0.1:80\0 -s rr"), "-A|-t|10.0.0.1:80|-s|rr");
    }
}
