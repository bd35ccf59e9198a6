//! The contexts that are built, and the lines of the README for those that come out otherwise on purpose.

/// A context and how it is built.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its files: `name`, `directory/`, `link->target`, `name:mode`; `|pipe` and `=socket`. `../name` lies beside the context.
    pub tree: &'static str,
    /// What its `.dockerignore` says; where it is empty there is none.
    pub ignore: &'static str,
    /// Flags of `docker build`. `{}` stands for the directory that the context lies in.
    pub flags: &'static [&'static str],
    /// Where one is: below the directory that the context `c` lies in.
    pub at: &'static str,
    /// What is otherwise on purpose, in words of the README.
    pub declared: Option<&'static str>,
    /// It was once otherwise and is not to be so again.
    pub was_wrong: bool,
}

/// Files whose names rules are about.
pub const TREE: &str = "Dockerfile README.md README-secret.md .hidden .git/config a ab a.txt b.log tmp1 tmpa/x x.go x_test.go \
                        d/a d/b.log d/e/a d/e/f/g.md d/x.go docs/README.md docs/guide.md docs/api/x.md lib/.keep lib/a/b/c \
                        node_modules/m/index.js node_modules/m/LICENSE build/out build/keep/k foo.bar/x a(b)/x [x] -dash !bang \
                        #hash run.sh:755 secret:600 empty/ link->a dangling->nowhere uplink->../a dirlink->d";

const RULES: Row = Row {
    tree: TREE,
    ignore: "",
    flags: &[],
    at: "c",
    declared: None,
    was_wrong: false,
};

const fn rules(ignore: &'static str) -> Row {
    Row { ignore, ..RULES }
}

const fn wrong(row: Row) -> Row {
    Row { was_wrong: true, ..row }
}

const fn otherwise(line: &'static str, row: Row) -> Row {
    Row {
        declared: Some(line),
        ..row
    }
}

const fn built(flags: &'static [&'static str], at: &'static str, tree: &'static str) -> Row {
    Row {
        tree,
        flags,
        at,
        ..RULES
    }
}

const fn with(ignore: &'static str, row: Row) -> Row {
    Row { ignore, ..row }
}

const NOT_AS_SAID: &str = "as does one that Docker reads otherwise than its documentation says";
const BESIDE: &str = "is said by the file beside the Dockerfile that has its name and `.dockerignore`";
const IN_DIR: &str = "where there is no such file, in `DIR`";
const WILDCARDS: &str = "an exception with wildcards is looked for in each directory that is left out";
const PIPES: &str = "named pipes do not come along";
const BITS: &str = "set-user-id bits stay";
const AS_IT_IS: &str = "`.dockerignore` stays as it is";
const PARENTS: &str = "A directory that is left out and holds an exception comes along with its own mode";

/// Every row.
pub const ROWS: &[Row] = &[
    rules(""),
    rules("\n\n# nothing\n"),
    rules("a"),
    rules("/a"),
    rules("./a"),
    rules("a/"),
    rules("d"),
    rules("d/"),
    rules("d/e/../a"),
    rules("../c/a"),
    rules("nothing"),
    rules("*"),
    rules("**"),
    rules("*\n!a"),
    rules("*\n!d"),
    rules("*\n!d/e/a"),
    rules("**\n!d/e/f"),
    otherwise(WILDCARDS, rules("*\n!**/*.md")),
    rules("**/*.md\n!README.md"),
    rules("*.md\n!README*.md\nREADME-secret.md"),
    rules("*.md\nREADME-secret.md\n!README*.md"),
    rules("d\n!d/e\nd/e/f"),
    rules("docs/*\n!docs/README.md"),
    rules("docs\n!docs/README.md"),
    rules("docs/**/*.md"),
    rules("**/a"),
    rules("**/a\n!d/a"),
    rules("**/e"),
    rules("*/a"),
    rules("*/*/a"),
    rules("*.log"),
    rules("**/*.log"),
    rules("**.log"),
    rules("d/**"),
    rules("d/**\n!d/e/f/g.md"),
    rules("d/**/g.md"),
    rules("**/d/**/f"),
    rules("tmp?"),
    rules("tmp[0-9]"),
    rules("tmp[^0-9]"),
    rules("[a-c]"),
    rules("x*.go"),
    rules("*_test.go"),
    rules("foo.bar"),
    rules("a(b)"),
    rules("\\[x\\]"),
    rules("\\!bang"),
    rules("\\#hash"),
    rules("#hash"),
    rules("-dash"),
    rules("  a  \r\n\tab\r\n"),
    rules("\u{feff}a"),
    rules("! a\na"),
    rules(".git\n.hidden"),
    rules(".*"),
    rules("link"),
    rules("dirlink/a"),
    rules("dirlink"),
    rules("node_modules\nbuild\n!build/keep"),
    rules("**/node_modules/**/LICENSE"),
    rules("lib/*/b"),
    rules("empty"),
    rules("A\nREADME.MD"),
    rules("."),
    rules("a\n!a\na"),
    wrong(rules("Dockerfile")),
    wrong(rules(".dockerignore")),
    wrong(rules("Dockerfile\n.dockerignore")),
    wrong(rules("*\n!d\n!a")),
    wrong(rules("Docker*\n!Dockerfile")),
    // What neither takes.
    rules("["),
    rules("a\nx[b-"),
    rules("a["),
    rules("a\\"),
    rules("!"),
    // What one of them takes.
    otherwise(NOT_AS_SAID, rules("[*]")),
    otherwise(NOT_AS_SAID, rules("\\d")),
    otherwise(NOT_AS_SAID, rules("[[:alpha:]]")),
    otherwise(PARENTS, with("d\n!d/a", built(&[], "c", "Dockerfile d/:700 d/a d/b"))),
    // Kinds and modes of files.
    otherwise(PIPES, built(&[], "c", "Dockerfile |pipe a")),
    built(&[], "c", "Dockerfile =socket a"),
    built(&[], "c", "Dockerfile a:755 b:600 d/:750 d/x:644 e/:1777"),
    otherwise(BITS, built(&[], "c", "Dockerfile a:4755 b:2755")),
    built(&[], "c", "Dockerfile loop->loop d/up->.. d/abs->/etc/passwd"),
    built(&[], "c", "Dockerfile a-b a/c a.d ab/x"),
    // Which Dockerfile.
    built(&[], ".", "a"),
    wrong(built(&[], "c", "dockerfile a")),
    built(&[], "c", "Dockerfile/x a"),
    built(&["-f", "Other"], "c", "Other a"),
    built(&["-f", "d/Other"], "c", "d/Other a"),
    wrong(built(&["-f", "c/Other"], ".", "Other a")),
    wrong(built(&["-f", "../o/Other"], "c", "../o/Other a")),
    wrong(built(&["--file=Other"], "o", "../o/Other a")),
    wrong(built(&["-f", "../Other"], "c/d", "Other d/x a")),
    built(&["-f", "{}/c/Other"], ".", "Other a"),
    built(&["-f", "{}/o/Other"], ".", "../o/Other Dockerfile a"),
    otherwise(AS_IT_IS, with("a", built(&["-f", "{}/o/Other"], ".", "../o/Other a b"))),
    wrong(with(
        "a\n.dockerignore",
        built(&["-f", "{}/o/Other"], ".", "../o/Other a b"),
    )),
    wrong(with("Other\n", built(&["-f", "Other"], "c", "Other a"))),
    built(&["-f", "none"], "c", "Dockerfile a"),
    built(&["-f", "c/none"], ".", "Dockerfile a"),
    built(&["-f", "d"], "c", "Dockerfile d/x"),
    wrong(built(&["-f", "-"], "c", "a")),
    wrong(built(&["-f-"], ".", "Dockerfile a")),
    wrong(with("*\n!a", built(&["--file", "-"], "c", "Dockerfile a b"))),
    built(&["-f", "link"], "c", "Real link->Real a"),
    wrong(built(&["-f", "link"], "c", "link->../o/Other a ../o/Other")),
    otherwise(IN_DIR, built(&["-f", "Other"], ".", "Other a")),
    otherwise(BESIDE, built(&[], "c", "Dockerfile Dockerfile.dockerignore a")),
    otherwise(
        BESIDE,
        with("b", built(&["-f", "d/Other"], "c", "d/Other d/Other.dockerignore a b")),
    ),
];
