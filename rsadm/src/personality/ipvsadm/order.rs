//! The order of ipvsadm's listings.
//!
//! Its comparisons subtract unsigned numbers and look at the sign, so 224.0.0.1 comes before
//! 0.0.0.0, and with three addresses far apart there is no consistent order at all. The result
//! then depends on the algorithm, which is the C library's merge sort. Users who read both
//! listings side by side see the same lines in the same places.

use std::net::{IpAddr, SocketAddr};

use ipvs::{Family, ServiceKey};

/// Sorts services.
pub(super) fn services<T>(items: Vec<T>, key: impl Fn(&T) -> ServiceKey) -> Vec<T> {
    merge_sort(items, |left, right| compare_services(&key(left), &key(right)))
}

/// Sorts the destinations of a service.
pub(super) fn destinations<T>(items: Vec<T>, address: impl Fn(&T) -> SocketAddr) -> Vec<T> {
    merge_sort(items, |left, right| compare_destinations(address(left), address(right)))
}

/// The sign of C's `int` difference of two unsigned numbers.
fn difference(left: u32, right: u32) -> i32 {
    left.wrapping_sub(right).cast_signed()
}

/// The first comparison that does not find its operands equal.
fn first_unequal(comparisons: impl IntoIterator<Item = (u32, u32)>) -> i32 {
    comparisons
        .into_iter()
        .map(|(left, right)| difference(left, right))
        .find(|difference| *difference != 0)
        .unwrap_or(0)
}

fn compare_services(left: &ServiceKey, right: &ServiceKey) -> i32 {
    let fields = |key: &ServiceKey| match *key {
        ServiceKey::Mark { mark, family } => (mark, family, 0, [0; 4], 0),
        ServiceKey::Address { protocol, address } => (
            0,
            Family::of(address.ip()),
            u32::from(protocol.0),
            words(address.ip()),
            u32::from(address.port()),
        ),
    };
    let family = |family| match family {
        Family::Ipv4 => 2,
        Family::Ipv6 => 10,
    };
    let (left_mark, left_family, left_protocol, left_words, left_port) = fields(left);
    let (right_mark, right_family, right_protocol, right_words, right_port) = fields(right);
    let head = [
        (left_mark, right_mark),
        (family(left_family), family(right_family)),
        (left_protocol, right_protocol),
    ];
    let address = left_words.into_iter().zip(right_words);
    first_unequal(head.into_iter().chain(address).chain([(left_port, right_port)]))
}

/// Between families the first one's decides how much of the address counts.
fn compare_destinations(left: SocketAddr, right: SocketAddr) -> i32 {
    let count = if left.is_ipv4() { 1 } else { 4 };
    let address = words(left.ip()).into_iter().zip(words(right.ip())).take(count);
    first_unequal(address.chain([(u32::from(left.port()), u32::from(right.port()))]))
}

/// The address as four numbers; IPv4 takes the first.
fn words(address: IpAddr) -> [u32; 4] {
    match address {
        IpAddr::V4(address) => [address.to_bits(), 0, 0, 0],
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
        }
    }
}

/// The C library's `qsort`: halves, the smaller one first, and the left element where they are
/// equal. `sort_by` may panic on a comparison that is no order.
fn merge_sort<T>(items: Vec<T>, compare: impl Fn(&T, &T) -> i32) -> Vec<T> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    let mut scratch = Vec::with_capacity(items.len());
    merge_range(&mut order, &mut scratch, &|left, right| compare(&items[left], &items[right]));
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| items[index].take()).collect()
}

fn merge_range(
    order: &mut [usize],
    scratch: &mut Vec<usize>,
    compare: &impl Fn(usize, usize) -> i32,
) {
    if order.len() < 2 {
        return;
    }
    let middle = order.len() / 2;
    merge_range(&mut order[..middle], scratch, compare);
    merge_range(&mut order[middle..], scratch, compare);
    scratch.clear();
    let (mut left, mut right) = order.split_at(middle);
    while let ([first, left_rest @ ..], [second, right_rest @ ..]) = (left, right) {
        if compare(*first, *second) <= 0 {
            scratch.push(*first);
            left = left_rest;
        } else {
            scratch.push(*second);
            right = right_rest;
        }
    }
    scratch.extend_from_slice(left);
    scratch.extend_from_slice(right);
    order.copy_from_slice(scratch);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted_destinations(addresses: &str) -> String {
        let addresses = addresses
            .split(' ')
            .map(|address| SocketAddr::new(address.parse().expect("an address"), 80))
            .collect();
        destinations(addresses, |address| *address)
            .iter()
            .map(|address| address.ip().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn addresses_wrap() {
        assert_eq!(sorted_destinations("10.0.0.1 224.0.0.1 0.0.0.0"), "224.0.0.1 0.0.0.0 10.0.0.1");
        assert_eq!(sorted_destinations("192.168.0.1 10.0.0.1"), "192.168.0.1 10.0.0.1");
    }

    #[test]
    fn a_near_table_is_in_plain_order() {
        assert_eq!(
            sorted_destinations("10.0.0.3 10.0.0.1 9.255.255.255 10.0.0.2 100.64.0.1"),
            "9.255.255.255 10.0.0.1 10.0.0.2 10.0.0.3 100.64.0.1"
        );
    }

    fn sorted_marks(marks: &[u32]) -> Vec<u32> {
        let family = Family::Ipv4;
        let keys = marks.iter().map(|mark| ServiceKey::Mark { mark: *mark, family }).collect();
        services(keys, |key| *key)
            .iter()
            .map(|key| match key {
                ServiceKey::Mark { mark, .. } => *mark,
                ServiceKey::Address { .. } => 0,
            })
            .collect()
    }

    /// Each of the three is less than the next, and the last less than the first.
    #[test]
    fn without_an_order_the_input_decides() {
        assert_eq!(sorted_marks(&[5, 3_000_000_000]), [3_000_000_000, 5]);
        assert_eq!(sorted_marks(&[5, 1 << 31, 3_000_000_000]), [5, 1 << 31, 3_000_000_000]);
        assert_eq!(sorted_marks(&[3_000_000_000, 1 << 31, 5]), [3_000_000_000, 5, 1 << 31]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(addresses: Vec<SocketAddr>) {
            let mut sorted = destinations(addresses.clone(), |address| *address);
            let mut expected = addresses;
            sorted.sort_unstable();
            expected.sort_unstable();
            proptest::prop_assert_eq!(sorted, expected);
        }

        #[test]
        fn it_is_a_stable_sort_where_there_is_an_order(numbers: Vec<u16>) {
            let items: Vec<_> = numbers.into_iter().map(|number| number >> 8).enumerate().collect();
            let sorted = merge_sort(items.clone(), |left, right| {
                i32::from(left.1) - i32::from(right.1)
            });
            let mut expected = items;
            expected.sort_by_key(|item| item.1);
            proptest::prop_assert_eq!(sorted, expected);
        }
    }
}
