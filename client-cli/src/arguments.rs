//! The command tree. Its words come from the catalogues: `help-<path>`, `example-<path>`, `arg-<path>-<id>`.

use crate::commands::{
    alliance, approve, decline, init, invite, join, kit, motion, read, reboot, relay, remove, role, rotate, rules,
    send, verify,
};
use crate::language::Language;
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, Command, CommandFactory, Parser, Subcommand};

/// What the user typed.
#[derive(Debug, Parser)]
#[command(name = "twiza", bin_name = "twiza", version, disable_help_flag = true, disable_version_flag = true)]
#[command(disable_help_subcommand = true, subcommand_required = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Commands,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    #[arg(long, global = true, env = "TWIZA_PROFILE", default_value = "default", value_name = "NAME")]
    pub(crate) profile: String,
    #[arg(long, global = true, value_name = "LANG", value_parser = PossibleValuesParser::new(Language::codes()))]
    pub(crate) lang: Option<String>,
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[arg(long, global = true, value_name = "NUMBER")]
    pub(crate) passphrase_fd: Option<u32>,
    #[arg(long, global = true, env = "TWIZA_PROXY", value_name = "ADDRESS")]
    pub(crate) proxy: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    Init(init::Arguments),
    Whoami,
    #[command(subcommand)]
    Relay(relay::Commands),
    #[command(subcommand)]
    Alliance(alliance::Commands),
    Invite(invite::Arguments),
    Join(join::Arguments),
    Requests(InAlliance),
    Approve(approve::Arguments),
    Decline(decline::Arguments),
    Send(send::Arguments),
    Read(read::Arguments),
    Watch(InAlliance),
    Members(InAlliance),
    Role(role::Arguments),
    Remove(remove::Arguments),
    #[command(subcommand)]
    Motion(motion::Commands),
    #[command(subcommand)]
    Rules(rules::Commands),
    Leave(InAlliance),
    Rotate(rotate::Arguments),
    Rejoin(InAlliance),
    Reboot(reboot::Arguments),
    #[command(subcommand)]
    Kit(kit::Commands),
    Verify(verify::Arguments),
}

/// The alliance that a command is about; may be left out where there is only one.
#[derive(Debug, Args)]
pub(crate) struct InAlliance {
    #[arg(short, long, env = "TWIZA_ALLIANCE", value_name = "NAME")]
    pub(crate) alliance: Option<String>,
}

/// The command tree in a language.
pub(crate) fn command(language: &Language) -> Command {
    let mut command = translate(Arguments::command(), language, "twiza");
    let help = clap::Arg::new("help").short('h').long("help").global(true).action(ArgAction::Help);
    let version = clap::Arg::new("version").short('V').long("version").action(ArgAction::Version);
    let heading = language.text("heading-options", &[]);
    let text = |id: &str| language.text(id, &[]);
    command = command
        .arg(help.help(text("arg-help")).help_heading(heading.clone()))
        .arg(version.help(text("arg-version")).help_heading(heading))
        .version(env!("CARGO_PKG_VERSION"));
    command
}

fn translate(command: Command, language: &Language, path: &str) -> Command {
    let text = |id: String| language.text(&id, &[]);
    let usage = text("heading-usage".to_owned());
    let template = format!("{{before-help}}{{about}}\n\n{usage} {{usage}}\n\n{{all-args}}{{after-help}}\n");
    let mut command = command.about(text(format!("help-{path}"))).help_template(template);
    command = command.subcommand_help_heading(text("heading-commands".to_owned()));
    if let Some(example) = language.find(&format!("example-{path}"), &[]) {
        let heading = language.text("heading-example", &[]);
        command = command.after_help(format!("{heading}\n  {}", example.replace('\n', "\n  ")));
    }
    let mut command = command.mut_args(|argument| {
        let argument = without_empty_variable(argument);
        let own = format!("arg-{path}-{}", argument.get_id());
        let help = language.find(&own, &[]).or_else(|| language.find(&format!("arg-{}", argument.get_id()), &[]));
        let heading = if argument.is_positional() { "heading-arguments" } else { "heading-options" };
        let takes_value = argument.get_action().takes_values();
        let values = argument.get_value_names().unwrap_or_default();
        let values: Vec<String> = values.iter().map(|value| placeholder(value, language)).collect();
        argument
            .value_names(values)
            .help(help.unwrap_or(own))
            .help_heading(language.text(heading, &[]))
            .hide_default_value(takes_value)
            .hide_env(true)
            .hide_possible_values(takes_value)
    });
    let names: Vec<String> = command.get_subcommands().map(|child| child.get_name().to_owned()).collect();
    for name in names {
        let path = if path == "twiza" { name.clone() } else { format!("{path}-{name}") };
        command = command.mut_subcommand(name, |child| translate(child.disable_help_subcommand(true), language, &path));
    }
    command
}

/// An environment variable that is set to nothing is as good as none. But for the proxy: who names one, and not which, is to be
/// asked, before anything goes out without it.
fn without_empty_variable(argument: clap::Arg) -> clap::Arg {
    let is_empty = |variable| std::env::var_os(variable).is_some_and(|value| value.is_empty());
    if argument.get_id() != "proxy" && argument.get_env().is_some_and(is_empty) {
        argument.env(clap::builder::Resettable::Reset)
    } else {
        argument
    }
}

/// What stands for a value in help, such as `NAME` or `ORGANISATION=SEATS`, word by word.
fn placeholder(value: &str, language: &Language) -> String {
    let words = value.split_inclusive(|c: char| !c.is_alphabetic()).map(|part| {
        let word = part.trim_end_matches(|c: char| !c.is_alphabetic());
        let translated = language.find(&format!("value-{}", word.to_lowercase()), &[]);
        translated.unwrap_or_else(|| word.to_owned()) + part.trim_start_matches(char::is_alphabetic)
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Language, command, placeholder};
    use clap::CommandFactory;

    #[test]
    fn the_tree_is_sound() {
        command(&Language::named("en")).debug_assert();
    }

    #[test]
    fn everything_has_words_and_every_command_an_example() {
        for code in ["en", "fr"] {
            let language = Language::named(code);
            let mut open = vec![("twiza".to_owned(), command(&language))];
            while let Some((path, node)) = open.pop() {
                let about = node.get_about().map(ToString::to_string).unwrap_or_default();
                assert!(!about.starts_with("help-"), "{code}: {about}");
                for argument in node.get_arguments() {
                    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                    assert!(!help.is_empty() && !help.starts_with("arg-"), "{code} {path}: {help}");
                }
                if node.get_subcommands().next().is_none() {
                    assert!(node.get_after_help().is_some(), "{code}: {path} has no example");
                }
                for child in node.get_subcommands() {
                    open.push((format!("{path} {}", child.get_name()), child.clone()));
                }
            }
        }
    }

    #[test]
    fn what_stands_for_values_has_words_too() {
        let mut open = vec![Arguments::command()];
        while let Some(node) = open.pop() {
            let with_values = node.get_arguments().filter(|argument| argument.get_action().takes_values());
            let values = with_values.filter_map(|argument| argument.get_value_names()).flatten();
            for word in values.flat_map(|value| value.split(|c: char| !c.is_alphabetic())) {
                for code in ["en", "fr"] {
                    let id = format!("value-{}", word.to_lowercase());
                    assert!(Language::named(code).find(&id, &[]).is_some(), "{code}: {id}");
                }
            }
            open.extend(node.get_subcommands().cloned());
        }
        assert_eq!(placeholder("ORGANISATION=SEATS", &Language::named("fr")), "ORGANISATION=SIÈGES");
        assert_eq!(placeholder("DAYS,DAYS,NUMBER", &Language::named("fr")), "JOURS,JOURS,NUMÉRO");
    }
}
