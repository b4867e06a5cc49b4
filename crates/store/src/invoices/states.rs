//! What an invoice is, and where it stands.

use std::fmt;
use std::str::FromStr;

use domain::UnknownName;

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])+ $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
        pub enum $type { $($(#[$variant_doc])+ #[serde(rename = $name)] $variant,)+ }

        impl $type {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in columns.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(UnknownName(text.to_owned())),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// What a document is for.
    InvoiceKind {
        /// A period's.
        Regular = "regular",
        /// Takes back what an invoice asked for; its amounts are negative.
        CreditNote = "credit_note",
        /// For something else than a period.
        OneOff = "one_off",
    }
}

names! {
    /// Where a document stands.
    InvoiceState {
        /// Has no number yet and may change.
        Draft = "draft",
        /// Issued, and not paid as a whole. A credit note is open while money is to be given back.
        Open = "open",
        /// Nothing is left to be paid.
        Paid = "paid",
        /// Taken back as a whole.
        Void = "void",
        /// Given up; a payment that comes all the same is booked.
        Uncollectible = "uncollectible",
    }
}
