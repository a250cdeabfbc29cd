//! Common report types, for sites that have no schema file. A newer or rarer type needs the file.
//!
//! What a column means follows from its name, which is the same in all reports; a type adds its
//! classification.

use concert_model::{Field, Value};

use super::convert::Convert;
use super::schema::{Mapping, Report, Target};

/// Name in file names; feed name; `classification.type`; `classification.identifier` and
/// `protocol.application`, empty where nothing says it (`=infection` is the text of that column); columns that no other
/// type has together, where there are any.
type Known = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const VULNERABLE: &str = "vulnerable-system";
const INFECTED: &str = "infected-system";
const WEAK: &str = "weak-crypto";
const OPEN: &str = "potentially-unwanted-accessible";

/// Reports of which an IPv6 edition (`scan6_...`, `event6_...`) is told apart by its name only are
/// listed once.
#[rustfmt::skip]
const REPORTS: &[Known] = &[
    ("blocklist", "Blocklist", "blacklist", "blacklisted-ip", "", "reason"),
    ("compromised_iot", "Compromised-IoT-Device", "system-compromise", "compromised-iot", "", ""),
    ("compromised_website", "Compromised-Website", "system-compromise", "compromised-website", "", ""),
    ("device_id", "Device-Identification IPv4", "undetermined", "device-id", "", ""),
    ("event4_ddos_participant", "DDoS-Participant", "ddos", "ddos-participant", "", ""),
    ("event4_honeypot_adb_scan", "Honeypot-ADB-Scanner", "scanner", "honeypot-adb-scan", "adb", "system_type"),
    ("event4_honeypot_brute_force", "Honeypot-Brute-Force-Events", "brute-force", "=application", "", "password"),
    ("event4_honeypot_darknet", "Honeypot-Darknet", "other", "=tag", "", ""),
    ("event4_honeypot_ddos", "Honeypot-DDoS", "ddos", "honeypot-ddos", "", ""),
    ("event4_honeypot_ddos_amp", "Honeypot-Amplification-DDoS-Events", "ddos", "amplification-ddos-victim", "", "avg_pps"),
    ("event4_honeypot_http_scan", "Honeypot-HTTP-Scan", "scanner", "honeypot-http-scan", "http", "http_request_method"),
    ("event4_honeypot_ics_scan", "Honeypot-ICS-Scanner", "scanner", "honeypot-ics-scan", "", "sensor_id"),
    ("event4_honeypot_rdp_scan", "Honeypot-RDP-Scanner", "scanner", "honeypot-rdp-scan", "rdp", "cookie"),
    ("event4_honeypot_smb_scan", "Honeypot-SMB-Scanner", "scanner", "honeypot-smb-scan", "smb", "session_tags command"),
    ("event4_ip_spoofer", "IP-Spoofer-Events", "masquerade", "ip-spoofer", "", "nat"),
    ("event4_microsoft_sinkhole", "Microsoft-Sinkhole-Events IPv4", INFECTED, "=infection", "", ""),
    ("event4_microsoft_sinkhole_http", "Microsoft-Sinkhole-Events-HTTP IPv4", INFECTED, "=infection", "http", ""),
    ("event4_sinkhole", "Sinkhole-Events IPv4", INFECTED, "=infection", "", ""),
    ("event4_sinkhole_dns", "Sinkhole-DNS", "other", "sinkholedns", "dns", "query"),
    ("event4_sinkhole_http", "Sinkhole-Events-HTTP IPv4", INFECTED, "=infection", "http", ""),
    ("event6_sinkhole", "Sinkhole-Events IPv6", INFECTED, "=infection", "", ""),
    ("event6_sinkhole_http", "Sinkhole-Events-HTTP IPv6", INFECTED, "=infection", "http", ""),
    ("malware_url", "Malware-URL", "malware-distribution", "malware-url", "", "source application"),
    ("population_bgp", "Accessible-BGP", VULNERABLE, "accessible-bgp", "bgp", ""),
    ("population_http_proxy", "Accessible-HTTP-Proxy", "other", "accessible-http-proxy", "http", ""),
    ("sandbox_conn", "Sandbox-Connections", "malware-distribution", "sandbox-conn", "", "bytes_out"),
    ("sandbox_dns", "Sandbox-DNS", "other", "sandbox-dns", "dns", "request source"),
    ("sandbox_url", "Sandbox-URL", "malware-distribution", "sandbox-url", "", "user_agent sha1"),
    ("scan_activemq", "Accessible-ActiveMQ", VULNERABLE, "open-activemq", "activemq", "command vendor"),
    ("scan_adb", "Accessible-ADB", VULNERABLE, "accessible-adb", "adb", "model"),
    ("scan_afp", "Accessible-AFP", VULNERABLE, "accessible-afp", "afp", "uams"),
    ("scan_amqp", "Accessible-AMQP", VULNERABLE, "accessible-amqp", "amqp", "locales"),
    ("scan_ard", "Accessible-ARD", VULNERABLE, "accessible-ard", "", ""),
    ("scan_bgp", "Open-BGP", VULNERABLE, "open-bgp", "bgp", ""),
    ("scan_chargen", "Open-Chargen", VULNERABLE, "open-chargen", "chargen", ""),
    ("scan_cisco_smart_install", "Accessible-Cisco-Smart-Install", VULNERABLE, "accessible-cisco-smart-install", "cisco-smart-install", ""),
    ("scan_coap", "Accessible-CoAP", VULNERABLE, "accessible-coap", "coap", "response amplification version"),
    ("scan_couchdb", "Accessible-CouchDB", VULNERABLE, "open-couchdb", "couchdb", "git_sha"),
    ("scan_cwmp", "Accessible-CWMP", VULNERABLE, "open-cwmp", "cwmp", ""),
    ("scan_db2", "Open-DB2-Discovery-Service", VULNERABLE, "open-db2-discovery-service", "db2", "db2_hostname"),
    ("scan_ddos_middlebox", "Vulnerable-DDoS-Middlebox", VULNERABLE, "open-ddos-middlebox", "", "source_port"),
    ("scan_dns", "DNS-Open-Resolvers", VULNERABLE, "dns-open-resolver", "dns", "dns_version"),
    ("scan_docker", "Accessible-Docker", VULNERABLE, "open-docker", "docker", "api_version"),
    ("scan_elasticsearch", "Open-Elasticsearch", VULNERABLE, "open-elasticsearch", "elasticsearch", "build_timestamp"),
    ("scan_ftp", "Accessible-FTP", VULNERABLE, "accessible-ftp", "ftp", "auth_tls_response device_sector banner"),
    ("scan_gtp", "Accessible-GPRS-Tunneling-Protocol-GTP", OPEN, "accessible-gtp", "", "message_type_text"),
    ("scan_hadoop", "Accessible-Hadoop", VULNERABLE, "accessible-hadoop", "hadoop", "volumeinfo"),
    ("scan_http", "Accessible-HTTP", "other", "accessible-http", "http", ""),
    ("scan_http_proxy", "Open-HTTP-Proxy", VULNERABLE, "open-http-proxy", "http", ""),
    ("scan_http_vulnerable", "Vulnerable-HTTP", VULNERABLE, "vulnerable-http", "http", "build_date detail"),
    ("scan_ics", "Accessible-ICS", VULNERABLE, "open-ics", "", "device_id raw_response"),
    ("scan_imap", "Accessible-IMAP", "other", "accessible-imap", "imap", ""),
    ("scan_ip_tunnel", "Open-IP-Tunnel", VULNERABLE, "open-ip-tunnel", "", ""),
    ("scan_ipmi", "Open-IPMI", VULNERABLE, "open-ipmi", "ipmi", "none_auth"),
    ("scan_ipp", "Open-IPP", VULNERABLE, "open-ipp", "ipp", "printer_info"),
    ("scan_isakmp", "Vulnerable-ISAKMP", VULNERABLE, "open-ike", "ipsec", ""),
    ("scan_kubernetes", "Accessible-Kubernetes-API", VULNERABLE, "open-kubernetes", "kubernetes", "minor"),
    ("scan_ldap_tcp", "Open-LDAP-TCP", VULNERABLE, "open-ldap", "ldap", ""),
    ("scan_ldap_udp", "Open-LDAP", VULNERABLE, "open-ldap", "ldap", ""),
    ("scan_mdns", "Open-mDNS", VULNERABLE, "open-mdns", "mdns", "http_ptr"),
    ("scan_memcached", "Open-Memcached", VULNERABLE, "open-memcached", "memcached", "pointer_size"),
    ("scan_mongodb", "Open-MongoDB", VULNERABLE, "open-mongodb", "mongodb", "maxbsonobjectsize"),
    ("scan_mqtt", "Open-MQTT", VULNERABLE, "open-mqtt", "mqtt", "anonymous_access"),
    ("scan_mqtt_anon", "Open-Anonymous-MQTT", VULNERABLE, "open-mqtt-anon", "mqtt", ""),
    ("scan_msrpc", "Accessible-MS-RPC", OPEN, "accessible-msrpc", "", "max_transmit"),
    ("scan_mssql", "Open-MSSQL", VULNERABLE, "open-mssql", "mssql", "tcp_port"),
    ("scan_mysql", "Accessible-MySQL", VULNERABLE, "open-mysql", "mysql", "client_connect_with_db"),
    ("scan_nat_pmp", "Open-NATPMP", VULNERABLE, "open-natpmp", "natpmp", "external_ip"),
    ("scan_netbios", "Open-NetBIOS-Nameservice", VULNERABLE, "open-netbios-nameservice", "netbios-nameservice", "workgroup"),
    ("scan_ntp", "NTP-Version", VULNERABLE, "ntp-version", "ntp", "frequency"),
    ("scan_ntpmonitor", "NTP-Monitor", VULNERABLE, "ntp-monitor", "ntp", "packets"),
    ("scan_pop3", "Accessible-POP3", "other", "accessible-pop3", "pop3", ""),
    ("scan_portmapper", "Open-Portmapper", VULNERABLE, "open-portmapper", "portmapper", "programs"),
    ("scan_postgres", "Accessible-PostgreSQL", VULNERABLE, "open-postgres", "postgres", "protocol_error_message"),
    ("scan_qotd", "Open-QOTD", VULNERABLE, "open-qotd", "qotd", "quote"),
    ("scan_rdp", "Accessible-RDP", VULNERABLE, "open-rdp", "rdp", "rdp_protocol"),
    ("scan_rdpeudp", "Accessible-MS-RDPEUDP", VULNERABLE, "accessible-msrdpeudp", "", "sessionid"),
    ("scan_redis", "Open-Redis", VULNERABLE, "open-redis", "redis", "mode"),
    ("scan_rsync", "Accessible-Rsync", VULNERABLE, "accessible-rsync", "rsync", "motd"),
    ("scan_sip", "Accessible-SIP", VULNERABLE, "open-sip", "sip", "contact"),
    ("scan_slp", "Accessible-SLP", VULNERABLE, "open-slp", "slp", "xid"),
    ("scan_smb", "Accessible-SMB", VULNERABLE, "open-smb", "smb", "smb_major_number"),
    ("scan_smtp", "Accessible-SMTP", "other", "open-smtp", "smtp", ""),
    ("scan_smtp_vulnerable", "Vulnerable-SMTP", VULNERABLE, "vulnerable-smtp", "smtp", ""),
    ("scan_snmp", "Open-SNMP", VULNERABLE, "open-snmp", "snmp", "sysdesc"),
    ("scan_socks", "Accessible-SOCKS4/5-Proxy", VULNERABLE, "open-socks", "", ""),
    ("scan_ssdp", "Open-SSDP", VULNERABLE, "open-ssdp", "ssdp", "nt"),
    ("scan_ssh", "Accessible-SSH", "other", "open-ssh", "", "ecdsa_public_key_gx"),
    ("scan_ssl", "Accessible-SSL", "other", "open-ssl", "https", "ssl_poodle freak_vulnerable"),
    ("scan_ssl_freak", "SSL-FREAK-Vulnerable-Servers", WEAK, "ssl-freak", "https", "page_sha256fp freak_vulnerable"),
    ("scan_ssl_poodle", "SSL-POODLE-Vulnerable-Servers IPv4", WEAK, "ssl-poodle", "https", "ssl_poodle page_sha256fp"),
    ("scan_telnet", "Accessible-Telnet", VULNERABLE, "open-telnet", "telnet", ""),
    ("scan_tftp", "Open-TFTP", VULNERABLE, "open-tftp", "tftp", "errorcode"),
    ("scan_ubiquiti", "Accessible-Ubiquiti-Discovery-Service", VULNERABLE, "accessible-ubiquiti-discovery-service", "", "radioname"),
    ("scan_vnc", "Accessible-VNC", VULNERABLE, "open-vnc", "vnc", "product banner"),
    ("scan_ws_discovery", "Accessible-WS-Discovery-Service", VULNERABLE, "open-ws-discovery", "ws-discovery", "error raw_response"),
    ("scan_xdmcp", "Open-XDMCP", VULNERABLE, "open-xdmcp", "xdmcp", "reported_hostname"),
    ("spam_url", "Spam-URL", "spam", "spam-url", "", "sender"),
];

/// What columns mean whose name is the same in many reports. Required ones come first.
const COLUMNS: &[(&str, Field, Convert)] = &[
    ("timestamp", Field::TIME_SOURCE, Convert::Utc),
    ("ip", Field::SOURCE_IP, Convert::Ip),
    ("src_ip", Field::SOURCE_IP, Convert::Ip),
    ("port", Field::SOURCE_PORT, Convert::Int),
    ("src_port", Field::SOURCE_PORT, Convert::Int),
    ("severity", Field::SEVERITY, Convert::Known),
    ("protocol", Field::PROTOCOL_TRANSPORT, Convert::Text),
    ("hostname", Field::SOURCE_REVERSE_DNS, Convert::Text),
    ("src_hostname", Field::SOURCE_REVERSE_DNS, Convert::Text),
    ("asn", Field::SOURCE_ASN, Convert::NotZero),
    ("src_asn", Field::SOURCE_ASN, Convert::NotZero),
    ("geo", Field::SOURCE_GEOLOCATION_CC, Convert::Text),
    ("src_geo", Field::SOURCE_GEOLOCATION_CC, Convert::Text),
    ("region", Field::SOURCE_GEOLOCATION_REGION, Convert::Text),
    ("src_region", Field::SOURCE_GEOLOCATION_REGION, Convert::Text),
    ("city", Field::SOURCE_GEOLOCATION_CITY, Convert::Text),
    ("src_city", Field::SOURCE_GEOLOCATION_CITY, Convert::Text),
    ("dst_ip", Field::DESTINATION_IP, Convert::Ip),
    ("dst_port", Field::DESTINATION_PORT, Convert::Int),
    ("dst_hostname", Field::DESTINATION_REVERSE_DNS, Convert::Known),
    ("dst_asn", Field::DESTINATION_ASN, Convert::NotZero),
    ("dst_geo", Field::DESTINATION_GEOLOCATION_CC, Convert::Text),
    ("dst_region", Field::DESTINATION_GEOLOCATION_REGION, Convert::Text),
    ("dst_city", Field::DESTINATION_GEOLOCATION_CITY, Convert::Text),
    ("device_vendor", Field::PRODUCT_VENDOR, Convert::Known),
    ("device_model", Field::PRODUCT_NAME, Convert::Known),
    ("device_version", Field::PRODUCT_VERSION, Convert::Known),
    ("infection", Field::MALWARE_NAME, Convert::Known),
    ("md5", Field::MALWARE_HASH_MD5, Convert::Known),
    ("sha1", Field::MALWARE_HASH_SHA1, Convert::Known),
    ("sha256", Field::MALWARE_HASH_SHA256, Convert::Known),
    ("status", Field::STATUS, Convert::Text),
    ("tag", Field::PRODUCT_VULNERABILITIES, Convert::Cve),
    ("vulnerability_id", Field::PRODUCT_VULNERABILITIES, Convert::Known),
];

/// Columns kept under another `extra.` name, or as numbers and truth values.
const EXTRAS: &[(&str, &str, Convert)] = &[
    ("tag", "tag", Convert::Known),
    ("naics", "naics", Convert::NotZero),
    ("src_naics", "source.naics", Convert::NotZero),
    ("dst_naics", "destination.naics", Convert::NotZero),
    ("src_sector", "source.sector", Convert::Known),
    ("dst_sector", "destination.sector", Convert::Known),
    ("amplification", "amplification", Convert::Float),
    ("min_amplification", "min_amplification", Convert::Float),
    ("response_size", "response_size", Convert::Int),
    ("content_length", "content_length", Convert::Int),
    ("http_code", "http_code", Convert::Int),
    ("cert_length", "cert_length", Convert::Int),
    ("count", "count", Convert::Int),
    ("avg_pps", "avg_pps", Convert::Float),
    ("max_pps", "max_pps", Convert::Float),
    ("uptime", "uptime", Convert::Int),
    ("http_date", "http_date", Convert::Date),
    ("start_time", "start_time", Convert::Date),
    ("end_time", "end_time", Convert::Date),
    ("browser_trusted", "browser_trusted", Convert::Bool),
    ("cert_valid", "cert_valid", Convert::Bool),
    ("cert_expired", "cert_expired", Convert::Bool),
    ("self_signed", "self_signed", Convert::Bool),
    ("build_snapshot", "build_snapshot", Convert::Bool),
    ("ok", "ok", Convert::Bool),
    ("ssl_version", "ssl_version", Convert::Int),
    ("sic", "sic", Convert::Text),
];

/// Columns that mean something else in some types: their names; the column; the field, or the name below `extra.`.
#[rustfmt::skip]
const OWN: &[(&str, &str, &str, Convert)] = &[
    ("compromised_iot compromised_website", "account", "source.account", Convert::Known),
    ("compromised_iot compromised_website", "category", "event_description.text", Convert::Known),
    ("compromised_iot compromised_website sandbox_dns", "family", "malware.name", Convert::Known),
    ("compromised_website", "application", "protocol.application", Convert::Known),
    ("compromised_website", "http_host", "source.fqdn", Convert::Domain),
    ("compromised_website malware_url spam_url", "url", "source.url", Convert::Url),
    ("event4_honeypot_brute_force", "username", "destination.account", Convert::Known),
    ("event4_honeypot_http_scan", "body_raw", "body_raw", Convert::Base64),
    ("event4_honeypot_http_scan", "http_agent", "user_agent", Convert::Known),
    ("event4_honeypot_http_scan", "http_request_method", "method", Convert::Known),
    ("event4_honeypot_http_scan", "request_raw", "request_raw", Convert::Base64),
    ("event4_honeypot_http_scan event4_microsoft_sinkhole_http event4_sinkhole_http event6_sinkhole_http", "http_url", "destination.url", Convert::Url),
    ("event4_ip_spoofer", "network", "source.network", Convert::Network),
    ("event4_microsoft_sinkhole_http event4_sinkhole_http event6_sinkhole_http", "http_host", "destination.fqdn", Convert::Domain),
    ("event4_sinkhole_dns", "query", "dns_query", Convert::Bare),
    ("event4_sinkhole_dns", "query_type", "dns_query_type", Convert::Bare),
    ("event4_sinkhole_dns", "src_naics", "naics", Convert::NotZero),
    ("event4_sinkhole_dns", "src_sector", "sector", Convert::Known),
    ("malware_url sandbox_conn sandbox_url spam_url", "hostname", "source.fqdn", Convert::Domain),
    ("sandbox_dns", "request_type", "dns_query_type", Convert::Known),
    ("sandbox_url", "method", "http_request_method", Convert::Known),
    ("sandbox_url", "url", "destination.url", Convert::Url),
    ("scan_amqp scan_vnc", "product", "product.name", Convert::Known),
    ("scan_amqp", "product_version", "product.version", Convert::Known),
    ("scan_ddos_middlebox scan_ics scan_socks", "tag", "protocol.application", Convert::Text),
    ("scan_ddos_middlebox scan_ics scan_socks", "tag", "product.vulnerabilities", Convert::Cve),
    ("scan_ipmi", "manufacturername", "product.vendor", Convert::Known),
    ("scan_ipmi", "productname", "product.name", Convert::Known),
    ("scan_isakmp", "exchange_type", "isakmp_exchange_type", Convert::Bare),
    ("scan_isakmp", "spi_size", "isakmp_spi_size", Convert::Int),
    ("scan_ldap_tcp scan_ldap_udp", "dns_host_name", "source.local_hostname", Convert::Known),
    ("scan_mssql", "server_name", "source.local_hostname", Convert::Known),
    ("scan_netbios", "username", "source.account", Convert::Known),
    // The other side of these is a relay of mail.
    ("spam_url", "src_ip", "relay.ip", Convert::Ip),
    ("spam_url", "src_asn", "relay.asn", Convert::NotZero),
    ("spam_url", "src_geo", "relay.geolocation.cc", Convert::Known),
    ("spam_url", "src_region", "relay.geolocation.region", Convert::Known),
    ("spam_url", "src_city", "relay.geolocation.city", Convert::Known),
    ("spam_url", "src_naics", "relay.naics", Convert::NotZero),
    ("spam_url", "src_sector", "relay.sector", Convert::Known),
    (OF_SOURCE, "naics", "source.naics", Convert::NotZero),
    (OF_SOURCE, "sector", "source.sector", Convert::Known),
];

/// Types that say by name whose branch of industry they give.
const OF_SOURCE: &str = "compromised_iot malware_url population_bgp population_http_proxy sandbox_conn sandbox_url \
    scan_activemq scan_bgp scan_couchdb scan_ddos_middlebox scan_docker scan_gtp scan_http scan_http_proxy scan_ics \
    scan_imap scan_ip_tunnel scan_ipmi scan_kubernetes scan_ldap_udp scan_mqtt_anon scan_msrpc scan_mysql scan_pop3 \
    scan_postgres scan_sip scan_slp scan_smtp scan_socks scan_ssh scan_ssl scan_ws_discovery";

/// Types whose column `tag` is kept as it is, also where it is empty; so do those of scans of IPv6.
const BARE_TAGS: &[&str] = &[
    "compromised_iot",
    "compromised_website",
    "malware_url",
    "population_bgp",
    "population_http_proxy",
    "sandbox_dns",
    "spam_url",
];

/// Types whose reports do not say how the service was reached.
const TRANSPORTS: &[(&str, &str)] =
    &[("scan_hadoop", "tcp"), ("scan_ipmi", "udp"), ("scan_rdp", "tcp"), ("scan_smb", "tcp"), ("scan_vnc", "tcp")];

/// The built-in types, with the IPv6 edition of each `scan_...`.
pub(super) fn reports() -> Vec<Report> {
    let mut reports = Vec::new();
    for known in REPORTS {
        reports.push(report(known, known.0.into(), known.1.into()));
        let Some(rest) = known.0.strip_prefix("scan_") else { continue };
        reports.push(report(known, format!("scan6_{rest}").into(), format!("IPv6-{}", known.1).into()));
    }
    reports
}

/// The type whose own columns a header has, where the type of this name has such too and the header does not.
pub(super) fn other_by_columns(name: &str, header: &[&str]) -> Option<&'static str> {
    let has = |telling: &str| telling.split_ascii_whitespace().all(|column| header.contains(&column));
    let name = name.replacen("scan6_", "scan_", 1);
    let named = REPORTS.iter().find(|(known, ..)| *known == name)?;
    if named.5.is_empty() || has(named.5) {
        return None;
    }
    REPORTS.iter().find(|(.., telling)| !telling.is_empty() && has(telling)).map(|(known, ..)| *known)
}

fn report(
    (name, _, kind, identifier, application, telling): &Known,
    file_name: std::borrow::Cow<'static, str>,
    feed_name: std::borrow::Cow<'static, str>,
) -> Report {
    let mut constants =
        vec![(Field::FEED_NAME, Value::Text(feed_name)), (Field::CLASSIFICATION_TYPE, Value::text(kind))];
    for (field, text) in [(Field::CLASSIFICATION_IDENTIFIER, identifier), (Field::PROTOCOL_APPLICATION, application)] {
        if !text.is_empty() && !text.starts_with('=') {
            constants.push((field, Value::text(text)));
        }
    }
    if let Some((_, transport)) = TRANSPORTS.iter().find(|(known, _)| known == name) {
        constants.push((Field::PROTOCOL_TRANSPORT, Value::text(transport)));
    }
    let own: Vec<_> = OWN.iter().filter(|(types, ..)| types.split(' ').any(|known| known == *name)).collect();
    let is_own = |column: &str| own.iter().any(|(_, known, ..)| *known == column);
    let event = name.starts_with("event");
    let mut columns: Vec<Mapping> = COLUMNS
        .iter()
        .filter(|(column, ..)| !is_own(column))
        .map(|(column, field, convert)| Mapping {
            column: (*column).into(),
            target: Target::Field(*field),
            convert: *convert,
            required: match *column {
                "timestamp" => true,
                "ip" => !event && *name != "sandbox_dns",
                "src_ip" => event,
                _ => false,
            },
        })
        .collect();
    if let Some(column) = identifier.strip_prefix('=') {
        columns.push(Mapping {
            column: column.into(),
            target: Target::Field(Field::CLASSIFICATION_IDENTIFIER),
            convert: Convert::Known,
            required: false,
        });
    }
    // What an attack went for is an identifier, and stays a column as well.
    let kept = [("application", "application", Convert::Known)];
    let kept = kept.iter().filter(|(column, ..)| identifier.strip_prefix('=') == Some(*column));
    let bare_tag = file_name.starts_with("scan6_") || BARE_TAGS.contains(name);
    columns.extend(EXTRAS.iter().filter(|(column, ..)| !is_own(column)).chain(kept).map(|(column, extra, convert)| {
        let convert = if bare_tag && *column == "tag" { Convert::Bare } else { *convert };
        Mapping { column: (*column).into(), target: Target::Extra((*extra).into()), convert, required: false }
    }));
    columns.extend(own.into_iter().map(|(_, column, target, convert)| Mapping {
        column: (*column).into(),
        target: Field::named(target).map_or_else(|| Target::Extra((*target).into()), Target::Field),
        convert: *convert,
        required: false,
    }));
    let telling = telling.split_ascii_whitespace().collect();
    Report {
        file_name: file_name.clone(),
        key: file_name,
        constants,
        columns,
        telling,
        others: Convert::Known,
        broken: None,
    }
}
