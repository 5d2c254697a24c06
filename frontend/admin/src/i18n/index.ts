import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import type { Translation } from './en';

export const LANGUAGES = ['en', 'zh-CN'] as const;
export type Language = (typeof LANGUAGES)[number];

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'console';
    resources: { console: Translation };
  }
}

const REMEMBERED = 'saas.language';

/** Each language is a file of its own, so that nobody loads the other one. */
const texts: Record<Language, () => Promise<Translation>> = {
  en: async () => (await import('./en')).en,
  'zh-CN': async () => (await import('./zh-CN')).zhCN,
};

/** The first language that the browser asks for and the console speaks; English otherwise. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    if (tag.toLowerCase().startsWith('zh')) return 'zh-CN';
    if (tag.toLowerCase().startsWith('en')) return 'en';
  }
  return 'en';
}

/** What was chosen before in this browser, or what the browser prefers. */
export function initialLanguage(): Language {
  const remembered = window.localStorage.getItem(REMEMBERED);
  return LANGUAGES.find((language) => language === remembered) ?? preferredLanguage(navigator.languages);
}

export async function startTranslation(language: Language = initialLanguage()): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: false,
    ns: ['console'],
    defaultNS: 'console',
    resources: { [language]: { console: await texts[language]() } },
    // React escapes.
    interpolation: { escapeValue: false },
  });
  document.documentElement.lang = language;
}

/** Changes the language and remembers it. */
export async function speak(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, 'console')) {
    i18next.addResourceBundle(language, 'console', await texts[language]());
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  window.localStorage.setItem(REMEMBERED, language);
}
