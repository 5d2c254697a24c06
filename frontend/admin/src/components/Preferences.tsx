import { BgColorsOutlined, TranslationOutlined } from '@ant-design/icons';
import { Button, Dropdown } from 'antd';
import { useTranslation } from 'react-i18next';
import { APPEARANCES, chooseAppearance, useAppearance } from '@/app/appearance';
import { LANGUAGES, type Language, speak } from '@/i18n';

/** The language and the colours of the console. */
export function Preferences() {
  const { t, i18n } = useTranslation();
  const appearance = useAppearance();
  return (
    <>
      <Dropdown
        trigger={['click']}
        menu={{
          selectable: true,
          selectedKeys: [i18n.language],
          items: LANGUAGES.map((language) => ({
            key: language,
            label: <span lang={language}>{t(`language.${language}`)}</span>,
            onClick: () => void speak(language),
          })),
        }}
      >
        <Button
          type="text"
          icon={<TranslationOutlined aria-hidden />}
          aria-label={`${t('language.label')}: ${t(`language.${i18n.language as Language}`)}`}
        >
          <span className="language-name">{t(`language.${i18n.language as Language}`)}</span>
        </Button>
      </Dropdown>
      <Dropdown
        trigger={['click']}
        menu={{
          selectable: true,
          selectedKeys: [appearance],
          items: APPEARANCES.map((each) => ({
            key: each,
            label: t(`theme.${each}`),
            onClick: () => chooseAppearance(each),
          })),
        }}
      >
        <Button type="text" icon={<BgColorsOutlined aria-hidden />} aria-label={t('theme.label')} />
      </Dropdown>
    </>
  );
}
