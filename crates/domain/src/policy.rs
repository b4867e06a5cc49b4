//! What a brand has decided about content and about money that may be lost.

use std::sync::Arc;

use crate::deny_list::DenyList;
use crate::lane::UnknownName;

/// A brand's decisions. The default is what holds for a brand that has made none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrandPolicy {
    /// Words that are refused at intake.
    pub deny_list: Arc<DenyList>,
    /// Who looks at shoppers' words and pictures before a provider is paid.
    pub moderation: Moderation,
    /// What happens when nobody could look.
    pub moderation_failure: ModerationFailure,
    /// What happens when nobody can tell whether a provider was paid.
    pub unknown_outcome: UnknownOutcome,
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// As it is stored and typed.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownName(text.to_owned())),
                }
            }
        }
    };
}

named! {
    /// Who looks at shoppers' words and pictures before a provider is paid.
    Moderation {
        /// Nobody but the deny list; the provider's own rules come after.
        #[default]
        Off = "off",
        /// OpenAI's moderation endpoint, which costs nothing.
        OpenAi = "openai",
    }
}

named! {
    /// What happens when moderation is asked for and cannot be had.
    ModerationFailure {
        /// What a shopper wrote or uploaded waits, and fails in the end; what was chosen from the brand's own
        /// lists goes on.
        #[default]
        Closed = "closed",
        /// It goes on unseen.
        Open = "open",
    }
}

named! {
    /// What came of the look at one request. The words themselves are not kept with it.
    ModerationDecision {
        /// Nobody could look, and the brand's policy lets it go on.
        #[default]
        Unseen = "unseen",
        /// Nothing was objected to.
        Passed = "passed",
        /// It was refused.
        Flagged = "flagged",
    }
}

named! {
    /// What happens when a paid call was lost and the provider cannot tell what became of it.
    UnknownOutcome {
        /// Send once more. The second spend is never invoiced to the brand, and counted.
        #[default]
        RetryOnce = "retry_once",
        /// A person decides.
        Hold = "hold",
        /// The generation fails; the brand's unit of quota comes back.
        Fail = "fail",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for policy in [
            UnknownOutcome::RetryOnce,
            UnknownOutcome::Hold,
            UnknownOutcome::Fail,
        ] {
            assert_eq!(policy.as_str().parse(), Ok(policy));
        }
        assert_eq!("openai".parse(), Ok(Moderation::OpenAi));
        assert_eq!("open".parse(), Ok(ModerationFailure::Open));
        assert!("maybe".parse::<UnknownOutcome>().is_err());
    }
}
