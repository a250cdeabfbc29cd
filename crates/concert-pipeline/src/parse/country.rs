//! Country codes of ISO 3166-1: three letters to two, for feeds that write the long form.

/// Alpha-3 followed by alpha-2, sorted.
const CODES: &[&str] = &[
    "ABWAW", "AFGAF", "AGOAO", "AIAAI", "ALAAX", "ALBAL", "ANDAD", "AREAE", "ARGAR", "ARMAM", "ASMAS", "ATAAQ",
    "ATFTF", "ATGAG", "AUSAU", "AUTAT", "AZEAZ", "BDIBI", "BELBE", "BENBJ", "BESBQ", "BFABF", "BGDBD", "BGRBG",
    "BHRBH", "BHSBS", "BIHBA", "BLMBL", "BLRBY", "BLZBZ", "BMUBM", "BOLBO", "BRABR", "BRBBB", "BRNBN", "BTNBT",
    "BVTBV", "BWABW", "CAFCF", "CANCA", "CCKCC", "CHECH", "CHLCL", "CHNCN", "CIVCI", "CMRCM", "CODCD", "COGCG",
    "COKCK", "COLCO", "COMKM", "CPVCV", "CRICR", "CUBCU", "CUWCW", "CXRCX", "CYMKY", "CYPCY", "CZECZ", "DEUDE",
    "DJIDJ", "DMADM", "DNKDK", "DOMDO", "DZADZ", "ECUEC", "EGYEG", "ERIER", "ESHEH", "ESPES", "ESTEE", "ETHET",
    "FINFI", "FJIFJ", "FLKFK", "FRAFR", "FROFO", "FSMFM", "GABGA", "GBRGB", "GEOGE", "GGYGG", "GHAGH", "GIBGI",
    "GINGN", "GLPGP", "GMBGM", "GNBGW", "GNQGQ", "GRCGR", "GRDGD", "GRLGL", "GTMGT", "GUFGF", "GUMGU", "GUYGY",
    "HKGHK", "HMDHM", "HNDHN", "HRVHR", "HTIHT", "HUNHU", "IDNID", "IMNIM", "INDIN", "IOTIO", "IRLIE", "IRNIR",
    "IRQIQ", "ISLIS", "ISRIL", "ITAIT", "JAMJM", "JEYJE", "JORJO", "JPNJP", "KAZKZ", "KENKE", "KGZKG", "KHMKH",
    "KIRKI", "KNAKN", "KORKR", "KWTKW", "LAOLA", "LBNLB", "LBRLR", "LBYLY", "LCALC", "LIELI", "LKALK", "LSOLS",
    "LTULT", "LUXLU", "LVALV", "MACMO", "MAFMF", "MARMA", "MCOMC", "MDAMD", "MDGMG", "MDVMV", "MEXMX", "MHLMH",
    "MKDMK", "MLIML", "MLTMT", "MMRMM", "MNEME", "MNGMN", "MNPMP", "MOZMZ", "MRTMR", "MSRMS", "MTQMQ", "MUSMU",
    "MWIMW", "MYSMY", "MYTYT", "NAMNA", "NCLNC", "NERNE", "NFKNF", "NGANG", "NICNI", "NIUNU", "NLDNL", "NORNO",
    "NPLNP", "NRUNR", "NZLNZ", "OMNOM", "PAKPK", "PANPA", "PCNPN", "PERPE", "PHLPH", "PLWPW", "PNGPG", "POLPL",
    "PRIPR", "PRKKP", "PRTPT", "PRYPY", "PSEPS", "PYFPF", "QATQA", "REURE", "ROURO", "RUSRU", "RWARW", "SAUSA",
    "SDNSD", "SENSN", "SGPSG", "SGSGS", "SHNSH", "SJMSJ", "SLBSB", "SLESL", "SLVSV", "SMRSM", "SOMSO", "SPMPM",
    "SRBRS", "SSDSS", "STPST", "SURSR", "SVKSK", "SVNSI", "SWESE", "SWZSZ", "SXMSX", "SYCSC", "SYRSY", "TCATC",
    "TCDTD", "TGOTG", "THATH", "TJKTJ", "TKLTK", "TKMTM", "TLSTL", "TONTO", "TTOTT", "TUNTN", "TURTR", "TUVTV",
    "TWNTW", "TZATZ", "UGAUG", "UKRUA", "UMIUM", "URYUY", "USAUS", "UZBUZ", "VATVA", "VCTVC", "VENVE", "VGBVG",
    "VIRVI", "VNMVN", "VUTVU", "WLFWF", "WSMWS", "YEMYE", "ZAFZA", "ZMBZM", "ZWEZW",
];

/// The two-letter code of a three-letter one. Letter case is ignored.
pub fn alpha2(alpha3: &str) -> Option<&'static str> {
    let code = alpha3.to_ascii_uppercase();
    let at = CODES.binary_search_by(|pair| pair.get(..3).unwrap_or("").cmp(&code)).ok()?;
    CODES.get(at)?.get(3..)
}

/// The two-letter codes of all countries, in order.
pub fn all() -> Vec<&'static str> {
    let mut all: Vec<&'static str> = CODES.iter().filter_map(|pair| pair.get(3..)).collect();
    all.sort_unstable();
    all
}

/// Whether two capital letters stand for a country, or for the European Union or Kosovo, which have none of the standard
/// and are used all the same.
pub(crate) fn is_known(alpha2: &str) -> bool {
    ["EU", "XK"].contains(&alpha2) || CODES.iter().any(|pair| pair.get(3..) == Some(alpha2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_codes_become_short_ones() {
        assert_eq!(alpha2("POL"), Some("PL"));
        assert_eq!(alpha2("deu"), Some("DE"));
        assert_eq!(alpha2("zwe"), Some("ZW"));
        assert_eq!(alpha2("UNK"), None);
        assert_eq!(alpha2("äöü"), None);
    }

    #[test]
    fn the_table_is_whole_and_sorted() {
        assert_eq!(CODES.len(), 249);
        assert!(CODES.is_sorted());
        assert!(CODES.iter().all(|pair| pair.len() == 5));
    }
}
