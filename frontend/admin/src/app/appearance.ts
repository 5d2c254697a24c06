import { type ThemeConfig, theme } from 'antd';
import { useEffect, useSyncExternalStore } from 'react';

export const APPEARANCES = ['system', 'light', 'dark'] as const;
export type Appearance = (typeof APPEARANCES)[number];

const REMEMBERED = 'saas.appearance';
const listeners = new Set<() => void>();
const prefersDark = () => window.matchMedia('(prefers-color-scheme: dark)');

/** What the person chose: to follow the system unless they said otherwise. */
export function appearance(): Appearance {
  const remembered = window.localStorage.getItem(REMEMBERED);
  return APPEARANCES.find((each) => each === remembered) ?? 'system';
}

export function chooseAppearance(choice: Appearance): void {
  window.localStorage.setItem(REMEMBERED, choice);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  const media = prefersDark();
  listeners.add(listener);
  media.addEventListener('change', listener);
  return () => {
    listeners.delete(listener);
    media.removeEventListener('change', listener);
  };
}

function resolved(): 'light' | 'dark' {
  const choice = appearance();
  if (choice !== 'system') return choice;
  return prefersDark().matches ? 'dark' : 'light';
}

export function useAppearance(): Appearance {
  return useSyncExternalStore(subscribe, appearance);
}

/** The colours in force; also marks the document, for the console's own style sheet. */
export function useScheme(): 'light' | 'dark' {
  const scheme = useSyncExternalStore(subscribe, resolved);
  useEffect(() => {
    document.documentElement.dataset.scheme = scheme;
  }, [scheme]);
  return scheme;
}

const FONT =
  'system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif';

const shared = {
  fontFamily: FONT,
  fontSize: 14,
  borderRadius: 8,
  borderRadiusLG: 12,
  borderRadiusSM: 6,
  controlHeight: 36,
  controlHeightSM: 28,
  motionDurationMid: '0.15s',
  motionDurationSlow: '0.2s',
};

const light = {
  colorPrimary: '#0e6b5e',
  colorInfo: '#2f6690',
  colorSuccess: '#2f7d4f',
  colorWarning: '#9a6410',
  colorError: '#b3372f',
  colorLink: '#0e6b5e',
  // The palette made from muted colours is too grey for what is written on it.
  colorInfoBg: '#edf3f8',
  colorInfoBorder: '#c9dae7',
  colorSuccessBg: '#eaf5ee',
  colorSuccessBorder: '#c0dfcb',
  colorWarningBg: '#fcf4e6',
  colorWarningBorder: '#ead3a6',
  colorErrorBg: '#fcf0ef',
  colorErrorBorder: '#edc7c4',
  colorTextBase: '#16201d',
  colorBgBase: '#ffffff',
  colorBgLayout: '#f4f5f1',
  colorBorder: '#d3d8d1',
  colorBorderSecondary: '#e4e8e2',
  colorTextSecondary: '#55615c',
  colorTextTertiary: '#6b7671',
  colorTextPlaceholder: '#7b8681',
};

const dark = {
  colorPrimary: '#45b09a',
  colorInfo: '#6fa8d3',
  colorSuccess: '#5cb884',
  colorWarning: '#d9a54a',
  colorError: '#e5766c',
  colorLink: '#5cc4ae',
  colorTextBase: '#e6ebe8',
  colorBgBase: '#121716',
  colorBgLayout: '#0e1211',
  colorBgContainer: '#161c1a',
  colorBgElevated: '#1d2422',
  colorBorder: '#36403d',
  colorBorderSecondary: '#262e2c',
  colorTextSecondary: '#a3aeaa',
  colorTextTertiary: '#8b9692',
  colorTextPlaceholder: '#7c8783',
};

/** The look of Ant Design's components. `style/base.css` holds the same colours for everything else. */
export function antTheme(scheme: 'light' | 'dark'): ThemeConfig {
  return {
    algorithm: scheme === 'dark' ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: { ...shared, ...(scheme === 'dark' ? dark : light) },
    components: {
      Button: {
        // White on the light green of the dark scheme could not be read.
        ...(scheme === 'dark' ? { primaryColor: '#07120f' } : {}),
        fontWeight: 500,
        primaryShadow: 'none',
        defaultShadow: 'none',
        dangerShadow: 'none',
      },
      Form: { itemMarginBottom: 20, verticalLabelPadding: '0 0 6px' },
      Modal: { titleFontSize: 17 },
      // As a track it has to differ from the page that it lies on.
      Segmented: {
        trackPadding: 3,
        ...(scheme === 'dark'
          ? { trackBg: '#1d2422', itemSelectedBg: '#36403d' }
          : { trackBg: '#e4e8e2', itemSelectedBg: '#ffffff' }),
      },
    },
  };
}
