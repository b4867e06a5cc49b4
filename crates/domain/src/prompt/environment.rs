//! The locked-down template engine.
//!
//! minijinja without loader, globals, macros, includes and inheritance (the last are not even
//! compiled in); an undefined name is an error; every rendering has fuel. On top of that a template
//! has only `{{ … }}`, `{# … #}` and `{% if %}`: without loops, definitions and multiplication,
//! what a template can make grows no faster than its own length, so neither time nor memory can
//! be exhausted from inside. The filters are the few that prompts need.

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

/// Longest source in bytes. Prompts end at 4,000 characters, so templates need little more.
const MAX_SOURCE_BYTES: usize = 16 * 1024;

/// Longest tag in bytes, and most tags. The engine walks an expression, and a chain of `elif`, by
/// recursion: `{{ x~x~x… }}` with 5,000 terms overflowed a thread's stack of 2 MiB.
const MAX_TAG_BYTES: usize = 400;
const MAX_TAGS: usize = 200;

/// Fuel per rendering: one pays for an instruction or for 64 bytes of data, so this is a little over
/// a megabyte, far more than a prompt needs.
const FUEL: u64 = 20_000;

/// Longest rendering in bytes before it is given up.
const MAX_OUTPUT_BYTES: usize = 256 * 1024;

/// A template that cannot be used, with what its author needs to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the template: {detail}")]
pub struct TemplateError {
    /// The line of the fault, from 1.
    pub line: usize,
    /// What is wrong.
    pub detail: String,
}

impl From<Error> for TemplateError {
    fn from(error: Error) -> Self {
        let what = match (error.kind(), error.detail()) {
            (ErrorKind::OutOfFuel, _) => "it takes too long to render".to_owned(),
            (ErrorKind::WriteFailure, _) => format!("it makes more than {MAX_OUTPUT_BYTES} bytes"),
            (kind, Some(detail)) => format!("{kind}: {detail}"),
            (kind, None) => kind.to_string(),
        };
        Self {
            line: error.line().unwrap_or(1),
            detail: what,
        }
    }
}

fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_fuel(Some(FUEL));
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.add_filter("capitalize", minijinja::filters::capitalize);
    env.add_filter("default", minijinja::filters::default);
    env.add_filter("lower", minijinja::filters::lower);
    env.add_filter("title", minijinja::filters::title);
    env.add_filter("trim", minijinja::filters::trim);
    env.add_filter("upper", minijinja::filters::upper);
    env.add_test("defined", minijinja::tests::is_defined);
    env
}

/// Renders the template onto one line.
pub(super) fn render(source: &str, context: Value) -> Result<String, TemplateError> {
    check_tags(source)?;
    let env = environment();
    let mut out = Bounded(Vec::new());
    env.template_from_str(source)?
        .render_captured_to(context, &mut out)?;
    let text = String::from_utf8_lossy(&out.0);
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether the template uses that name anywhere.
pub(super) fn mentions(source: &str, name: &str) -> Result<bool, TemplateError> {
    check_tags(source)?;
    Ok(environment()
        .template_from_str(source)?
        .undeclared_variables(false)
        .contains(name))
}

/// Checks that the template uses no other names, in any branch.
pub(super) fn check_names(source: &str, known: &[String]) -> Result<(), TemplateError> {
    check_tags(source)?;
    let env = environment();
    let mut unknown: Vec<String> = env
        .template_from_str(source)?
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| !known.contains(name))
        .collect();
    unknown.sort();
    let Some(name) = unknown.first() else {
        return Ok(());
    };
    let line = tags(source)?
        .iter()
        .find(|tag| tag.text.contains(name.as_str()))
        .map_or(1, |t| t.line);
    let detail = format!("unknown name {name}; known are {}", known.join(", "));
    Err(TemplateError { line, detail })
}

/// A writer that gives up past [`MAX_OUTPUT_BYTES`].
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT_BYTES {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One `{{ … }}` or `{% … %}`, without its marks.
struct Tag<'a> {
    line: usize,
    is_block: bool,
    text: &'a str,
}

/// Refuses what the module's documentation rules out.
fn check_tags(source: &str) -> Result<(), TemplateError> {
    if source.len() > MAX_SOURCE_BYTES {
        let detail = format!("at most {MAX_SOURCE_BYTES} bytes are allowed");
        return Err(TemplateError { line: 1, detail });
    }
    for (
        i,
        Tag {
            line,
            is_block,
            text,
        },
    ) in tags(source)?.into_iter().enumerate()
    {
        let fault = |detail: String| Err(TemplateError { line, detail });
        let word = text.trim_start_matches(['-', '+']).trim_start();
        let word = word
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap_or("");
        if is_block && !matches!(word, "if" | "elif" | "else" | "endif") {
            return fault(format!(
                "{{% {word} %}} is not available; if, elif, else and endif are"
            ));
        }
        if text.len() > MAX_TAG_BYTES || i >= MAX_TAGS {
            return fault(format!(
                "at most {MAX_TAGS} tags of {MAX_TAG_BYTES} bytes are allowed"
            ));
        }
        if text.contains('*') {
            return fault("multiplication is not available".to_owned());
        }
    }
    Ok(())
}

/// The tags of a source. Ends within string literals do not count, as in the engine's own lexer.
fn tags(source: &str) -> Result<Vec<Tag<'_>>, TemplateError> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        let start = at + found;
        let line = 1 + source[..start].matches('\n').count();
        let inside = start + 2;
        let (end, is_comment) = match source.as_bytes().get(start + 1) {
            Some(b'{') => ("}}", false),
            Some(b'%') => ("%}", false),
            Some(b'#') => ("#}", true),
            _ => {
                at = start + 1;
                continue;
            }
        };
        let length = if is_comment {
            source[inside..].find(end)
        } else {
            end_outside_strings(&source[inside..], end)
        };
        let Some(length) = length else {
            return Err(TemplateError {
                line,
                detail: format!("a tag without its {end}"),
            });
        };
        if !is_comment {
            let text = &source[inside..inside + length];
            tags.push(Tag {
                line,
                is_block: end == "%}",
                text,
            });
        }
        at = inside + length + end.len();
    }
    Ok(tags)
}

fn end_outside_strings(text: &str, end: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if text[i..].starts_with(end) => return Some(i),
            None if c == '"' || c == '\'' => quote = Some(c),
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;
    use proptest::prelude::*;

    fn fault(source: &str) -> TemplateError {
        render(source, context! { x => "X" }).unwrap_err()
    }

    #[test]
    fn values_conditions_comments_and_filters_work() {
        let source =
            "{# note #}{% if x %}a {{- ' }} ' ~ x|lower }}{% else %}b{% endif %}\n  {{ x }}";
        assert_eq!(render(source, context! { x => "X" }).unwrap(), "a }} x X");
        assert_eq!(render("{ x } {", context! {}).unwrap(), "{ x } {");
    }

    #[test]
    fn everything_else_of_the_language_is_refused() {
        for source in [
            "{% for c in x %}{{ c }}{% endfor %}",
            "{% set y = x %}",
            "{% with y = x %}{% endwith %}",
            "{%- macro m() %}{% endmacro %}",
            "{% include 'a' %}",
            "{% import 'a' as a %}",
            "{% extends 'a' %}",
            "{% raw %}{% endraw %}",
            "{% filter upper %}{% endfilter %}",
            "{% autoescape true %}{% endautoescape %}",
            "{% do x() %}",
            "{{ x * 100000000 }}",
            "{{ range(9) }}",
            "{{ x() }}",
            "{{ x|pprint }}",
            "{{ x|replace('X', 'YY') }}",
            "{{ debug() }}",
            "{{ x",
            "{% if x",
        ] {
            assert!(render(source, context! { x => "X" }).is_err(), "{source}");
        }
    }

    #[test]
    fn an_undefined_name_is_an_error_with_its_line() {
        assert_eq!(fault("a\nb\n{{ nobody }}").line, 3);
        assert_eq!(fault("a\n{% if nobody %}{% endif %}").line, 2);
        let error = check_names("{% if x %}\n{{ nobody }}{% endif %}", &["x".to_owned()]);
        let error = error.unwrap_err();
        assert_eq!(
            (error.line, error.detail.as_str()),
            (2, "unknown name nobody; known are x")
        );
    }

    #[test]
    fn a_template_cannot_make_without_bounds() {
        let long = "y".repeat(10_000);
        let widest = format!("{{{{ {} }}}}", vec!["x"; MAX_TAG_BYTES / 2 - 1].join("~"));
        assert!(render(&widest, context! { x => &long }).is_err());
        let many = "{{ x }}".repeat(MAX_TAGS);
        let error = render(&many, context! { x => &long }).unwrap_err();
        assert!(error.detail.contains("bytes"), "{error}");
        assert!(render(&many, context! { x => "y".repeat(1000) }).is_ok());
        assert!(render(&widest, context! { x => "y" }).is_ok());
        let too_wide = format!("{{{{ {} }}}}", vec!["x"; 5000].join("~"));
        assert!(render(&too_wide, context! { x => "y" }).is_err());
        assert!(render(&"a".repeat(MAX_SOURCE_BYTES + 1), context! {}).is_err());
    }

    #[test]
    fn the_deepest_allowed_nesting_fits_the_stack() {
        let chain = format!(
            "{{% if x %}}{}{{% endif %}}",
            "{% elif x %}".repeat(MAX_TAGS - 2)
        );
        assert!(render(&chain, context! { x => "" }).is_ok());
        let half = MAX_TAGS / 2;
        let nested = format!(
            "{}{}",
            "{% if x %}".repeat(half),
            "{% endif %}".repeat(half)
        );
        let _ = render(&nested, context! { x => "X" });
        let depth = MAX_TAG_BYTES / 2 - 4;
        let brackets = format!("{{{{ {}x{} }}}}", "(".repeat(depth), ")".repeat(depth));
        let _ = render(&brackets, context! { x => "X" });
        let _ = render(
            &format!("{{{{ {}x }}}}", "-".repeat(390)),
            context! { x => "X" },
        );
        let _ = render(
            &format!("{{{{ {}x }}}}", "not ".repeat(95)),
            context! { x => "X" },
        );
    }

    proptest! {
        #[test]
        fn no_source_panics(source in "[{}%#a-z x'\"\\\\|~*\n(é.-]{0,60}") {
            let _ = render(&source, context! { x => "X" });
            let _ = check_names(&source, &[]);
        }
    }
}
