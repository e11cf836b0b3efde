//! Tables that the comparisons start from.

/// Two services, one destination.
pub(crate) const SMALL: &str = "\
-A -t 10.0.0.1:80 -s wlc
-a -t 10.0.0.1:80 -r 10.1.1.1:8080 -m -w 5
-A -f 7 -s rr
";

/// Every kind of service and destination.
pub(crate) const MIXED: &str = "\
-A -t 10.0.0.1:80 -s wlc
-a -t 10.0.0.1:80 -r 10.1.1.1:8080 -m -w 5
-a -t 10.0.0.1:80 -r 10.1.1.2:80 -g -w 0
-a -t 10.0.0.1:80 -r 10.1.1.3:80 -i -w 100
-a -t 10.0.0.1:80 -r 10.1.1.4:80 -i --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 10.0.0.1:80 -r 10.1.1.5:80 -i --tun-type gue --tun-port 65535 --tun-csum
-a -t 10.0.0.1:80 -r 10.1.1.6:80 -i --tun-type gue --tun-port 1 --tun-remcsum
-a -t 10.0.0.1:80 -r 10.1.1.7:80 -i --tun-type gre --tun-nocsum
-a -t 10.0.0.1:80 -r 10.1.1.8:80 -i --tun-type gre --tun-csum
-a -t 10.0.0.1:80 -r [2001:db8::99]:80 -i
-a -t 10.0.0.1:80 -r 127.0.0.1:80 -m
-A -t 10.0.0.1:81 -s rr
-a -t 10.0.0.1:81 -r 10.1.1.2:8080 -m -x 100 -y 50
-a -t 10.0.0.1:81 -r 10.1.1.3:8080 -m -x 2147483647 -y 2147483647 -w 2147483647
-A -t 10.0.0.1:82 -s wrr -p 600 -M 255.255.255.0
-A -t 10.0.0.1:83 -s rr -p 2678400 -M 0.0.0.0
-A -t 10.0.0.1:0 -s lc -p
-A -u 10.0.0.1:53 -s sh -b sh-fallback,sh-port -o
-A -u 10.0.0.1:54 -s mh -b mh-fallback,mh-port,flag-3
-A -u 10.0.0.1:5061 -s rr -p 60 --pe sip -o -b flag-1
-A -u 10.0.0.1:5062 -s none --pe sip
-A --sctp-service 10.0.0.1:9000 -s dh
-a --sctp-service 10.0.0.1:9000 -r 10.2.1.1:9000 -m
-A -t 255.255.255.255:65535 -s fo
-a -t 255.255.255.255:65535 -r 223.255.255.254:65535 -m -w 100000
-A -t [2001:db8::1]:80 -s ovf
-a -t [2001:db8::1]:80 -r [2001:db8::2]:80 -m
-a -t [2001:db8::1]:80 -r 10.1.1.9:80 -i
-A -t [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -s rr -p 10 -M 48
-a -t [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -r [2001:db8:1111:2222:3333:4444:5555:7777]:65535 -i
-A -u [::1]:53 -s sed -p 10
-A --sctp-service [fd00::1]:9 -s nq
-A -f 1 -s rr
-a -f 1 -r 10.3.1.1:80 -m
-a -f 1 -r 10.3.1.1:0 -g
-A -f 2 -6 -s wlc -p 30 -M 64
-a -f 2 -6 -r [2001:db8::5]:0 -g
-a -f 2 -6 -r 10.3.1.2:0 -i
-A -f 1 -6 -s lblc
-A -f 4294967295 -s lblcr -o
-A -f 2147483648 -s wrr -p 5 -M 255.0.0.0
";
