//! The table of all settings as a document, in English and Chinese.

use std::fmt::Write as _;

use crate::{Role, SETTINGS, SettingInfo, chinese};

/// A language that documents are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

struct Words {
    head: &'static str,
    columns: &'static str,
    all: &'static str,
    secret: &'static str,
    reloadable: &'static str,
}

const ENGLISH: Words = Words {
    head: "# Settings\n\n\
        <!-- Written by `make settings` from backend/config/src/table.rs. -->\n\n\
        Each setting is taken from the first of these that has it: Vault, where VAULT_ADDR is set, and a file that \
        `<NAME>_FILE` names (both for secrets only), \
        the environment, `saas.toml` (or the file that `SAAS_CONFIG` names, with names in lower case), its default. \
        `saas config show` lists the values of this machine and where each comes from; \
        `saas config check --role gateway` says what a start would complain about. \
        An empty variable counts as not set; a variable beside its `<NAME>_FILE` and an unknown key in the file are refused.\n\n\
        A **secret** is never shown or logged. What is **reloadable** takes effect on SIGHUP, without a restart.\n\n",
    columns: "| setting | default | read by | meaning |\n|---|---|---|---|\n",
    all: "all",
    secret: "secret",
    reloadable: "reloadable",
};

const CHINESE: Words = Words {
    head: "# 设置\n\n\
        <!-- 由 `make settings` 根据 backend/config/src/table.rs 生成。 -->\n\n\
        每一项设置取自下列来源中最先给出它的一个：Vault（设置了 VAULT_ADDR 时）、`<NAME>_FILE` 所指的文件\
        （这两者仅限机密）、环境变量、\
        `saas.toml`（或 `SAAS_CONFIG` 所指的文件，键名用小写）、默认值。\
        `saas config show` 列出本机的取值及其来源；`saas config check --role gateway` 说明启动时会提出哪些问题。\
        空的环境变量视为未设置；同一项既有变量又有 `<NAME>_FILE`，或文件中出现未知的键，都会被拒绝。\n\n\
        **机密**从不显示，也不写入日志。**可重载**的设置在收到 SIGHUP 后生效，无需重启。\n\n",
    columns: "| 设置 | 默认值 | 使用者 | 含义 |\n|---|---|---|---|\n",
    all: "全部",
    secret: "机密",
    reloadable: "可重载",
};

/// Every setting as a Markdown document.
pub fn settings_document(language: Language) -> String {
    let words = match language {
        Language::English => ENGLISH,
        Language::Chinese => CHINESE,
    };
    let mut text = format!("{}{}", words.head, words.columns);
    for setting in SETTINGS {
        let meaning = match language {
            Language::English => setting.meaning,
            Language::Chinese => chinese::meaning(setting.name).unwrap_or(setting.meaning),
        };
        let default = match setting.default {
            Some("") | None => String::new(),
            Some(value) => format!("`{}`", value.replace(',', ", ")),
        };
        let _ = writeln!(
            text,
            "| `{}`{} | {default} | {} | {} |",
            setting.name,
            marks(setting, &words),
            roles(setting, &words),
            meaning.replace('|', "\\|"),
        );
    }
    text
}

fn marks(setting: &SettingInfo, words: &Words) -> String {
    let mut marks = String::new();
    for (applies, word) in [
        (setting.secret, words.secret),
        (setting.reloadable, words.reloadable),
    ] {
        if applies {
            let _ = write!(marks, " **{word}**");
        }
    }
    marks
}

/// Who reads it. Commands are left out: they read what they need.
fn roles(setting: &SettingInfo, words: &Words) -> String {
    let services = [Role::Registry, Role::Core, Role::Gateway, Role::Backup];
    let named = services.iter().filter(|role| setting.roles.contains(role));
    let named: Vec<&str> = named.map(|role| role.as_str()).collect();
    if named.len() == services.len() {
        words.all.to_owned()
    } else {
        named.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_line_in_both_languages() {
        for language in [Language::English, Language::Chinese] {
            let document = settings_document(language);
            for setting in SETTINGS {
                let begin = format!("| `{}`", setting.name);
                assert_eq!(document.matches(&begin).count(), 1, "{}", setting.name);
            }
        }
        let untranslated = SETTINGS
            .iter()
            .filter(|setting| chinese::meaning(setting.name).is_none());
        assert_eq!(
            untranslated.map(|setting| setting.name).collect::<Vec<_>>(),
            [""; 0]
        );
    }
}
