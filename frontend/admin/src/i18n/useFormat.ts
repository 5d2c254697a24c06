import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** Lengths or sizes, greatest first, with how they are written. */
type Units = readonly (readonly [number, Intl.NumberFormat])[];

/** Numbers and times in the reader's language and time zone. */
export function useFormat() {
  const { i18n, t } = useTranslation();
  const language = i18n.language;
  return useMemo(() => {
    const plain = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
    const fine = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
    const small = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
    const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 2 });
    const dateTime = new Intl.DateTimeFormat(language, {
      dateStyle: 'medium',
      timeStyle: 'medium',
      hourCycle: 'h23',
    });
    const time = new Intl.DateTimeFormat(language, { timeStyle: 'medium', hourCycle: 'h23' });
    const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    const unit = (name: string, digits: number) =>
      new Intl.NumberFormat(language, { style: 'unit', unit: name, maximumFractionDigits: digits });
    const durations: Units = [
      [86_400, unit('day', 1)],
      [3_600, unit('hour', 1)],
      [60, unit('minute', 1)],
      [1, unit('second', 1)],
    ];
    const sizes: Units = [
      [1e9, unit('gigabyte', 1)],
      [1e6, unit('megabyte', 1)],
      [1e3, unit('kilobyte', 1)],
      [1, unit('byte', 0)],
    ];
    const inUnit = (value: number, units: Units) => {
      const fits = units.find(([length]) => value >= length) ?? units.at(-1);
      return fits ? fits[1].format(value / fits[0]) : plain.format(value);
    };
    const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
    return {
      count: (value: number) => plain.format(value),
      /** A rate: three digits that mean something. */
      rate: (value: number) =>
        value >= 1000 ? plain.format(value) : value >= 1 ? fine.format(value) : small.format(value),
      percent: (value: number) => percent.format(value),
      milliseconds: (value: number) =>
        value >= 1000 ? `${fine.format(value / 1000)} s` : `${fine.format(value)} ms`,
      /** A time span, of which two digits mean something; in seconds. */
      duration: (seconds: number) => inUnit(seconds, durations),
      bytes: (value: number) => inUnit(value, sizes),
      dateTime: (value: Date) => dateTime.format(value),
      time: (value: Date) => time.format(value),
      clock: (value: Date) => clock.format(value),
      ago: (value: Date, now: Date = new Date()) => {
        const seconds = (now.getTime() - value.getTime()) / 1000;
        if (Math.abs(seconds) < 60) return t('time.now');
        for (const [unit, length] of STEPS) {
          if (Math.abs(seconds) >= length) return relative.format(-Math.floor(seconds / length), unit);
        }
        return dateTime.format(value);
      },
    };
  }, [language, t]);
}
