//! Tables that the comparisons start from.

/// One flow of each family.
pub(crate) const SMALL: &str = "\
-I -s 10.0.0.1 -d 10.0.0.2 -p tcp -t 50000 --sport 1000 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -m 5
-I -s fd00::1 -d fd00::2 -p udp -t 50000 --sport 1000 --dport 53
";

/// Every kind of flow. Of each line the kernel may lack what it asks for.
pub(crate) const MIXED: &str = "\
-I -s 10.0.0.1 -d 10.0.0.2 -p tcp -t 50000 --sport 1000 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -m 5
-I -s 10.0.0.1 -d 10.0.0.2 -p tcp -t 50000 --sport 1001 --dport 80 --state SYN_SENT -m 7
-I -s 10.0.0.3 -d 10.0.1.2 -p tcp -t 50000 --sport 1001 --dport 443 --state TIME_WAIT -u SEEN_REPLY
-I -s 10.0.0.3 -d 10.0.1.2 -p tcp -t 50000 --sport 1002 --dport 443 --state LISTEN
-I -s 10.0.0.3 -d 10.0.1.2 -p tcp -t 50000 --sport 1003 --dport 443 --state CLOSE -u FIXED_TIMEOUT
-I -s 255.255.255.255 -d 255.255.255.255 -p tcp -t 50000 --sport 65535 --dport 65535 --state NONE -m 4294967295
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 1000 --dport 53
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 1000 --dport 54 -u SEEN_REPLY
-I -s 10.0.0.4 -d 10.0.0.2 -p udp -t 50000 --sport 0 --dport 0 -u ASSURED
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 2000 --dport 53 -w 5
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 2000 --dport 53 --orig-zone 6
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 2001 --dport 53 --reply-zone 7
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 2002 --dport 53 --orig-zone 6 --reply-zone 7
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 3000 --dport 53 -n 9.9.9.9
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 3001 --dport 53 -n 9.9.9.9:99
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 3002 --dport 53 -g 8.8.8.8
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 3003 --dport 53 -g 8.8.8.8:5353 -m 9
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 3004 --dport 53 -n 9.9.9.9:88 -g 8.8.8.8:5353
-I -s 10.0.0.1 -d 10.0.0.2 -p udp -t 50000 --sport 3005 --dport 53 -n 10.0.0.1:77
-I -s 10.0.0.1 -d 10.0.0.2 -r 7.7.7.7 -q 10.0.0.1 -p udp -t 50000 --sport 4000 --dport 53 --reply-port-src 5353 --reply-port-dst 4000
-I -s 10.0.0.1 -d 10.0.0.2 -p udplite -t 50000 --sport 1000 --dport 53
-I -s 10.0.0.1 -d 10.0.0.2 -p icmp -t 50000 --icmp-type 8 --icmp-code 0 --icmp-id 77
-I -s 10.0.0.5 -d 10.0.0.2 -p icmp -t 50000 --icmp-type 13 --icmp-code 3 --icmp-id 65535
-I -s 10.0.0.1 -d 10.0.0.2 -p sctp -t 50000 --sport 1000 --dport 53 --state ESTABLISHED --orig-vtag 1 --reply-vtag 4294967295
-I -s 10.0.0.1 -d 10.0.0.2 -p sctp -t 50000 --sport 1001 --dport 53 --state CLOSED --orig-vtag 11 --reply-vtag 12
-I -s 10.0.0.1 -d 10.0.0.2 -p sctp -t 50000 --sport 1002 --dport 53 --state SHUTDOWN_ACK_SENT --orig-vtag 0 --reply-vtag 0
-I -s 10.0.0.1 -d 10.0.0.2 -p dccp -t 50000 --sport 1000 --dport 53 --state OPEN --role client
-I -s 10.0.0.1 -d 10.0.0.2 -p dccp -t 50000 --sport 1001 --dport 53 --state TIMEWAIT --role server
-I -s 10.0.0.1 -d 10.0.0.2 -p gre -t 50000 --srckey 0x11 --dstkey 0xffff
-I -s 10.0.0.1 -d 10.0.0.2 -p 50 -t 50000
-I -s 10.0.0.1 -d 10.0.0.2 -p 255 -t 50000 -m 1
-I -s fd00::1 -d fd00::2 -p tcp -t 50000 --sport 1000 --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED
-I -s fd00::1 -d fd00::2 -p udp -t 50000 --sport 1000 --dport 53
-I -s ::1.2.3.4 -d ::ffff:1.2.3.4 -p udp -t 50000 --sport 1000 --dport 53
-I -s 2001:db8:1111:2222:3333:4444:5555:6666 -d 2001:db8::1 -p udp -t 50000 --sport 1 --dport 2 -m 6
-I -s fd00::1 -d fd00::2 -p udp -t 50000 --sport 3000 --dport 53 -g [fd00::9]:5353
-I -s fd00::1 -d fd00::2 -p udp -t 50000 --sport 3001 --dport 53 -n fd00::8
-I -s fd00::1 -d fd00::2 -p icmpv6 -t 50000 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 5
-I -s fd00::1 -d fd00::2 -p gre -t 50000 --srckey 1 --dstkey 0
-I -s fd00::1 -d fd00::2 -p 50 -t 50000
";
