//! The table: copies in both directions, of everything onto everything, and those that are peculiar.

use std::fmt;

/// What every row has on both sides, before what it adds.
pub const SCENE: &str = "
echo one >f; chown 1234:2345 f; chmod 640 f
echo tool >tool; chmod 4755 tool
: >empty
mkdir -p d/s/deep t/d t/e e real; chmod 1777 e
echo two >d/g; chown 7:8 d/g; ln d/g d/h; ln -s g d/l; ln -s nowhere d/n
echo deep >d/s/deep/x; chmod 400 d/s/deep/x; chmod 2750 d/s; mkfifo -m 620 d/p
echo old >t/f; echo older >t/tool; chmod 600 t/tool; echo kept >t/d/kept; echo oldest >t/d/g
ln -s f lf; ln -s d ld; ln -s real lreal; ln -s lreal chain; ln -s nowhere dangling; ln -s no/where far; ln -s circle circle
";

/// One copy. In its arguments `A:` is the container, `@` its directory there, `~` the same without the slash before it, and `HERE`
/// its directory on this machine. `-` reads `in.tar` and writes `stdout`.
pub struct Row {
    /// Added to the scene on this machine.
    pub here: &'static str,
    /// Added to the scene in the container.
    pub there: &'static str,
    pub arguments: Vec<String>,
    /// Where the two differ on purpose, the README's words on it.
    pub declared: Option<&'static str>,
    /// Part of every run: a copy that was once made otherwise.
    pub always: bool,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cp {}", self.arguments.join(" "))?;
        for (side, more) in [("here", self.here), ("there", self.there)] {
            if !more.is_empty() {
                write!(f, " [{side}: {more}]")?;
            }
        }
        Ok(())
    }
}

/// Whatever may be copied, and whatever it may be copied to, by their paths in the scene.
const SOURCES: &[&str] = &[
    "f", "f/", "f/.", "tool", "d", "d/", "d/.", "d/./", "e", "e/.", "lf", "ld", "ld/", "ld/.", "dangling", "circle",
    "d/p", "nosuch",
];
const TARGETS: &[&str] = &[
    "new",
    "new/",
    "new/.",
    "t",
    "t/.",
    "f",
    "f/",
    "t/f",
    "lf",
    "ld",
    "chain",
    "dangling",
    "dangling/",
    "far",
    "circle",
    "no/such",
    "t/../new",
];

/// What there is more here, what there, and the copy.
type Peculiar = (&'static str, &'static str, &'static str);

/// What was once done otherwise than Docker does it.
const ONCE_WRONG: &[Peculiar] = &[
    ("", "", "f A:@/t/new/"),
    ("", "", "d A:@/t/f"),
    ("", "", "A:@/f chain"),
    ("", "", "A:@/d d/../dangling"),
    ("", "", "A:@/tool t/new"),
    ("", "", "A:@/d t/new"),
    // Something of another kind is in the way, further down.
    ("", "rm t/f; mkdir t/f; echo x >t/f/x", "f A:@/t"),
    ("", "rm -r t/d; echo x >t/d", "d A:@/t"),
    ("", "rm -r t/d; ln -s ../real t/d", "d A:@/t"),
    ("", "ln -s ../real t/s", "d/. A:@/t"),
    ("", "mkdir t/l; echo x >t/l/x", "d/. A:@/t"),
    ("", "ln -s ../f t/g", "d/. A:@/t"),
    ("", "rm t/f; mkfifo t/f", "f A:@/t"),
    ("", "rm t/f; ln -s ../tool t/f", "f A:@/t"),
    ("", "rm t/f; ln tool t/f", "f A:@/t"),
    ("rm t/f; mkdir t/f; echo x >t/f/x", "", "A:@/f t"),
    ("rm -r t/d; echo x >t/d", "", "A:@/d t"),
    ("rm -r t/d; ln -s ../real t/d", "", "A:@/d t"),
    ("ln -s ../real t/s", "", "A:@/d/. t"),
    ("mkdir t/l; echo x >t/l/x", "", "A:@/d/. t"),
    ("ln -s ../f t/g", "", "A:@/d/. t"),
    ("rm t/f; ln -s ../tool t/f", "", "A:@/f t"),
    ("rm t/f; ln tool t/f", "", "A:@/f t"),
    // A tree that is there already, with hard links.
    ("", "rm -r t/d; cp -a d t/d", "d A:@/t"),
    ("rm -r t/d; cp -a d t/d", "", "A:@/d t"),
    ("cp -a d t/again", "", "A:@/d/. t/again"),
    // An archive on stdin or stdout.
    ("tar cf in.tar f d", "", "- A:@/t"),
    ("tar cf in.tar f d", "", "- A:@/t/"),
    ("tar cf in.tar f d", "", "- A:@/lreal"),
    ("tar cf in.tar f d", "", "- A:@/f"),
    ("tar cf in.tar f d", "", "- A:@/new"),
    ("tar cf in.tar f d", "", "- A:@/dangling"),
    ("tar cf in.tar f d", "rm t/f; mkdir t/f", "- A:@/t"),
    ("tar cf in.tar d", "rm -r t/d; echo x >t/d", "- A:@/t"),
    ("tar cf in.tar d", "rm -r t/d; ln -s ../real t/d", "- A:@/t"),
    ("tar czf in.tar d", "", "- A:@/t"),
    ("tar cf in.tar -C d .", "", "- A:@/t"),
    ("echo no archive >in.tar", "", "- A:@/t"),
    (": >in.tar", "", "- A:@/t"),
    ("", "", "A:@/f -"),
    ("", "", "A:@/d -"),
    ("", "", "A:@/d/. -"),
    ("", "", "A:@/lf -"),
    ("", "", "A:@/ld/ -"),
    ("", "", "A:@/nosuch -"),
    ("", "", "-L A:@/lf -"),
    ("", "", "-L A:@/ld -"),
];

/// What no product of names holds.
const PECULIAR: &[Peculiar] = &[
    // Links that are followed.
    ("", "", "-L lf A:@/new"),
    ("", "", "-L lf A:@/t"),
    ("", "", "-L ld A:@/new"),
    ("", "", "-L ld A:@/t"),
    ("", "", "-L ld/ A:@/t"),
    ("", "", "-L ld/. A:@/t"),
    ("", "", "-L ld/. A:@/new"),
    ("", "", "-L chain A:@/t"),
    ("", "", "-L dangling A:@/t"),
    ("", "", "-L circle A:@/t"),
    ("", "", "-L f A:@/t"),
    ("", "", "-L d A:@/new"),
    ("", "", "--follow-link d/l A:@/t"),
    ("", "", "-L A:@/lf new"),
    ("", "", "-L A:@/lf t"),
    ("", "", "-L A:@/lf f"),
    ("", "", "-L A:@/ld new"),
    ("", "", "-L A:@/ld t"),
    ("", "", "-L A:@/ld/ t"),
    ("", "", "-L A:@/ld/. t"),
    ("", "", "-L A:@/ld/. new"),
    ("", "", "-L A:@/chain t"),
    ("", "", "-L A:@/dangling t"),
    ("", "", "-L A:@/d/l t"),
    ("", "", "-L A:~/ld t"),
    // Owners, and silence.
    ("", "", "-a f A:@/new"),
    ("", "", "-a d A:@/t"),
    ("", "", "--archive d/. A:@/t"),
    ("", "", "-a A:@/f new"),
    ("", "", "-a A:@/d new"),
    ("", "", "-aL lf A:@/new"),
    ("", "", "-aLq A:@/lf new"),
    ("tar cf in.tar f d", "", "-a - A:@/t"),
    ("", "", "-q f A:@/new"),
    ("", "", "--quiet A:@/f new"),
    // Paths from elsewhere.
    ("", "", "f A:~/new"),
    ("", "", "f A:~/t"),
    ("", "", "d A:~/t/"),
    ("", "", "A:~/f new"),
    ("", "", "A:~/d/. t"),
    ("", "", "./f A:@/new"),
    ("", "", "HERE/f A:@/new"),
    ("", "", "HERE/d/. A:@/new"),
    ("", "", "A:@/f HERE/new"),
    ("", "", "A:@/f HERE/t/"),
    ("", "", "A:@/f ."),
    ("", "", "A:@/d ./"),
    ("", "", "A:@/d/. ."),
    ("", "", "A:@/t/f .."),
    ("", "", ". A:@/new"),
    ("", "", ". A:@/t"),
    ("", "", "./ A:@/new"),
    ("", "", "t/.. A:@/new"),
    ("", "", "ld/../f A:@/new"),
    ("", "", "A:@/ld/../f new"),
    ("", "", "A:@/f ld/../new"),
    ("", "", "f A:@/ld/../new"),
    ("", "", "A:@/d/.. new"),
    ("", "", "d//s///deep A:@//t//new"),
    ("", "", "A:@//d//s///deep t//new"),
    ("", "ln -s /etc/passwd abs; ln -s /etc et", "A:@/abs new"),
    ("", "ln -s /etc/passwd abs; ln -s /etc et", "-L A:@/abs new"),
    ("", "ln -s /nowhere abs", "A:@/abs t"),
    ("", "mkdir o; ln -s @ o/up", "f A:@/o"),
    ("", "ln -s ../../../../../../.. o", "A:@/o/etc/passwd new"),
    // Names.
    ("echo x >'a:b'", "", "./a:b A:@/t"),
    ("echo x >'a:b'", "", "HERE/a:b A:@/t"),
    ("", "echo x >'a:b'", "A:@/a:b t"),
    ("", "", "A:@/f ./a:b"),
    ("echo x >-x", "", "./-x A:@/t"),
    ("echo x >-x", "", "-- -x A:@/t"),
    ("mkdir o; echo x >\"$(printf 'o/\\377\\001')\"", "", "o A:@/t"),
    ("", "mkdir o; echo x >\"$(printf 'o/\\377\\001')\"", "A:@/o t"),
    (
        "mkdir o; echo x >\"$(printf 'o/n\\nl')\"; echo x >'o/ \\*'",
        "",
        "o/. A:@/t",
    ),
    (
        "",
        "mkdir o; echo x >\"$(printf 'o/n\\nl')\"; echo x >'o/ \\*'",
        "A:@/o/. t",
    ),
    ("mkdir \u{fc}; echo x >\u{fc}/\u{20ac}", "", "\u{fc} A:@/t"),
    ("", "mkdir \u{fc}; echo x >\u{fc}/\u{20ac}", "A:@/\u{fc} t"),
    ("mkdir .hidden; echo x >.hidden/.x", "", ".hidden A:@/t"),
    ("mkdir ..x; echo x >..x/...", "", "..x A:@/t"),
    (
        "n=$(printf '%0120d' 7); mkdir -p o/$n/$n/$n; echo x >o/$n/$n/$n/$n; ln -s $n/$n o/long; ln o/$n/$n/$n/$n o/hard",
        "",
        "o A:@/t",
    ),
    (
        "",
        "n=$(printf '%0120d' 7); mkdir -p o/$n/$n/$n; echo x >o/$n/$n/$n/$n; ln -s $n/$n o/long; ln o/$n/$n/$n/$n o/hard",
        "A:@/o t",
    ),
    (
        "",
        "n=$(printf '%0120d' 7); mkdir -p o/$n/$n/$n; echo x >o/$n/$n/$n/$n; ln -s $n/$n o/long; ln o/$n/$n/$n/$n o/hard",
        "A:@/o new",
    ),
    ("n=$(printf '%0255d' 7); echo x >$n; mkdir o; mv $n o", "", "o A:@/t"),
    // Contents and modes.
    ("head -c 3000000 /dev/zero | tr '\\0' x >large", "", "large A:@/t"),
    ("", "head -c 3000000 /dev/zero | tr '\\0' x >large", "A:@/large t"),
    (
        "mkdir o; dd if=/dev/zero of=o/holes bs=1 count=1 seek=1000000",
        "",
        "o A:@/t",
    ),
    (
        "",
        "mkdir o; dd if=/dev/zero of=o/holes bs=1 count=1 seek=1000000",
        "A:@/o t",
    ),
    (
        "mkdir -p o/i; echo x >o/i/x; chmod 0 o/i/x; chmod 555 o/i o",
        "",
        "o A:@/t",
    ),
    (
        "",
        "mkdir -p o/i; echo x >o/i/x; chmod 0 o/i/x; chmod 555 o/i o",
        "A:@/o t",
    ),
    ("mkdir o; echo x >o/x; chmod 6711 o/x; chmod 7777 o", "", "o A:@/t"),
    ("", "mkdir o; echo x >o/x; chmod 6711 o/x; chmod 7777 o", "A:@/o t"),
    ("", "mkdir o; echo x >o/x; chmod 6711 o/x; chmod 7777 o", "A:@/o/. t"),
    (
        "mkdir o t/o; chmod 700 t/o; echo x >o/x",
        "mkdir t/o; chmod 711 t/o; chown 5:6 t/o",
        "o A:@/t",
    ),
    (
        "mkdir t/o; chmod 711 t/o; chown 5:6 t/o",
        "mkdir o; chmod 700 o; echo x >o/x",
        "A:@/o t",
    ),
    ("mkdir o; echo x >o/x; ln o/x hard", "", "o A:@/t"),
    ("echo x >x; ln x y", "", "x A:@/t"),
    ("", "echo x >x; ln x y", "A:@/x t"),
    // What cannot be meant.
    ("", "", "f g"),
    ("", "", "A:@/f A:@/g"),
    ("", "", "- -"),
    ("", "", "f -"),
    ("", "", "f"),
    ("", "", "f A:@/t more"),
    ("", "", "A:@/f no/such/new"),
    ("", "", "A:@/d no/such/new"),
    ("", "", "A:@/f f/new"),
    ("", "", "f A:@/f/new"),
    ("", "", "d A:@/f/new"),
    ("", "mknod device c 1 3", "f A:@/device"),
    ("", "mknod device c 1 3; ln -s device link", "f A:@/link"),
    ("mknod device c 1 3", "", "A:@/f device"),
    ("mknod device c 1 3; ln -s device link", "", "A:@/f link"),
    ("", "", "f nobody:/x"),
    ("", "", "nobody:/x new"),
];

/// As [`PECULIAR`], with the README's words on what is done otherwise.
const DECLARED: &[(&str, &str, &str, &str)] = &[
    ("mkfifo pipe", "", "A:@/f pipe", PIPE),
    ("mkfifo pipe; ln -s pipe link", "", "A:@/f link", PIPE),
    ("rm t/f; mkfifo t/f", "", "A:@/f t", PIPE),
    ("rm t/f; mknod t/f c 1 3", "", "A:@/f t", PIPE),
    ("", "mknod d/device c 1 3", "A:@/d t", DEVICES),
    ("", "mknod device c 1 3", "A:@/device t", DEVICES),
    ("mknod d/device c 1 3", "", "d A:@/t", DEVICES_IN),
    ("mknod device c 1 3", "", "device A:@/t", DEVICES_IN),
    ("", "ln -s ../../../x d/up", "A:@/d t", LINKS),
    ("", "ln -s ../../../x up", "A:@/up t", LINKS),
    ("", "", "d A:", NOTHING),
    ("", "", ":HERE/f A:@/new", NOTHING),
];

const PIPE: &str = "A pipe, a socket or a device of this machine that is in the way is never replaced";
const DEVICES: &str = "Devices of an agent are left out";
const DEVICES_IN: &str = "Devices are not copied into an agent";
const LINKS: &str = "A link that leads out of the directory is copied as it is";
const NOTHING: &str = "Both sides of the colon must be there";

/// Every row.
pub fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    for source in SOURCES {
        for target in TARGETS {
            rows.push(row("", "", &format!("{source} A:@/{target}")));
            rows.push(Row {
                // Into `d`, where such a pipe is.
                declared: ((*source, *target) == ("d/p", "ld")).then_some(PIPE),
                ..row("", "", &format!("A:@/{source} {target}"))
            });
        }
    }
    for (here, there, copy) in ONCE_WRONG {
        rows.push(Row {
            always: true,
            ..row(here, there, copy)
        });
    }
    for (here, there, copy) in PECULIAR {
        rows.push(row(here, there, copy));
    }
    for (here, there, copy, declared) in DECLARED {
        rows.push(Row {
            declared: Some(declared),
            always: true,
            ..row(here, there, copy)
        });
    }
    rows
}

fn row(here: &'static str, there: &'static str, copy: &str) -> Row {
    Row {
        here,
        there,
        arguments: copy.split(' ').map(str::to_owned).collect(),
        declared: None,
        always: false,
    }
}
