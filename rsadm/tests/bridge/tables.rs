//! Links and tables that the comparisons start from.

/// Links of every kind that has forwarding entries, for `ip -batch`.
pub(crate) const LINKS: &str = "\
link add u0 type veth peer name u1
link set u0 up
link set u1 up
address add 172.16.20.120/24 dev u0
link add vx1 type vxlan id 1 dstport 8472 local 172.16.20.120 dev u0 nolearning
link add vx6 type vxlan id 6 dstport 8473 local fd00::1 nolearning
link add vxe type vxlan external dstport 8474
link add vxf type vxlan external vnifilter dstport 8475 local 172.16.20.120 dev u0
link add vxl type vxlan id 3 dstport 8476 local 172.16.20.120 maxaddress 2
link property add dev vxl altname other altname a-name-that-is-longer-than-others
link add \"a'b<c\" type vxlan id 4 dstport 8477 local 172.16.20.120 dev u0
link set vx1 up
link set vx6 up
link set vxe up
link set vxf up
link set vxl up
nexthop add id 1 via 10.0.0.1 fdb
nexthop add id 2 via 10.0.0.2 fdb
nexthop add id 10 group 1/2 fdb
netns add blue
link add vxm type vxlan id 5 dstport 8478 local 172.16.20.120 dev u0
link set vxm netns blue
-n blue link set vxm up
link add br0 type bridge vlan_filtering 1 mcast_query_interval 100000
link set br0 up
link add p0 type veth peer name p1
link set p0 master br0
link set p0 up
link set p1 up
link add vxb type vxlan id 9 dstport 8479 local 172.16.20.120 dev u0
link set vxb master br0
link set vxb up
link add br1 type bridge
link add q0 type veth peer name q1
link set q0 master br1
link set br1 up
link set q0 up
link set q1 up
link set dev q0 type bridge_slave mcast_router 2
";

/// Entries of every kind, for `bridge -batch`.
pub(crate) const ENTRIES: &str = "\
fdb add 02:00:00:00:00:01 dev vx1 dst 10.0.0.1
fdb add 02:00:00:00:00:02 dev vx1 dst 10.0.0.2 port 4789
fdb add 02:00:00:00:00:03 dev vx1 dst 10.0.0.3 vni 77
fdb add 02:00:00:00:00:04 dev vx1 dst 10.0.0.4 port 5 vni 16777215 via u0 static
fdb add 02:00:00:00:00:05 dev vx1 dst 10.0.0.5 dynamic router
fdb add 02:00:00:00:00:06 dev vx1 dst 10.0.0.6 extern_learn
fdb add 02:00:00:00:00:07 dev vx1 nhid 10
fdb add 02:00:00:00:00:08 dev vx1 nhid 10 static extern_learn
fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.1
fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.2
fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.2 port 9
fdb append 01:00:5e:00:00:01 dev vx1 dst 10.0.0.1 via u0
fdb append 01:00:5e:00:00:01 dev vx1 dst 10.0.0.3
fdb add 02:00:00:00:00:01 dev vx6 dst fd00::2
fdb add 02:00:00:00:00:02 dev vx6 dst fe80::1 via u0 port 9 vni 5
fdb add 02:00:00:00:00:03 dev vx6 dst ::1.2.3.4 dynamic
fdb add 02:00:00:00:00:01 dev vxe dst 10.0.0.1 src_vni 5
fdb add 02:00:00:00:00:01 dev vxe dst 10.0.0.2 src_vni 6 vni 7
fdb add 02:00:00:00:00:02 dev vxe dst 10.0.0.2 src_vni 0 vni 0 port 9
fdb append 00:00:00:00:00:00 dev vxe dst 10.0.0.2 src_vni 6
fdb add 02:00:00:00:00:01 dev a'b<c dst 10.0.0.1
fdb add 02:00:00:00:00:01 dev u0 self
fdb add 02:00:00:00:01:01 dev p0 master
fdb add 02:00:00:00:01:02 dev p0 master static vlan 1
fdb add 02:00:00:00:01:03 dev p0 master dynamic extern_learn vlan 1
fdb add 02:00:00:00:01:04 dev p0 master static sticky vlan 1
fdb add 02:00:00:00:01:05 dev vxb self master dst 10.0.0.5 static
fdb add 02:00:00:00:01:06 dev br0 local
fdb add 02:00:00:00:01:07 dev q0 master static
vni add vni 10,20-25 dev vxf
vni add vni 30 remote 172.16.20.121 dev vxf
vni add vni 31-33 group 239.1.1.1 dev vxf
mdb add dev br0 port p0 grp 239.1.1.1 permanent vid 1
mdb add dev br0 port p0 grp ff05::1 permanent vid 1
mdb add dev br0 port p0 grp 239.1.1.2 src 10.1.1.1 permanent vid 1
mdb add dev br0 port br0 grp 239.1.1.3 permanent vid 1
mdb add dev br0 port p0 grp 01:00:00:00:00:05 permanent vid 1
mdb add dev br1 port q0 grp 239.1.1.4 permanent
";
