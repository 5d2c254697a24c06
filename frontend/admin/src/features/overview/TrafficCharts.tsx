import { Skeleton } from 'antd';
import { lazy, type ReactNode, Suspense, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useScheme } from '@/app/appearance';
import { Empty } from '@/components/Empty';
import type { ChartLine } from '@/components/LineChart';
import { useFormat } from '@/i18n/useFormat';
import { ALL, type Line, OTHERS, type TrafficView } from './traffic';

const LineChart = lazy(() => import('@/components/LineChart'));

/** Colours that differ in lightness too, for those who see few hues. The first is for the sum of all. */
const COLORS = {
  light: {
    all: '#0e6b5e',
    error: '#b3372f',
    services: ['#c07f12', '#2f6690', '#9c4570', '#5f8f3e', '#7b8681'],
  },
  dark: {
    all: '#5cc4ae',
    error: '#e5766c',
    services: ['#e0b04e', '#7fb2da', '#d688ad', '#a0c97f', '#8b9692'],
  },
};

/** Request rate, share of errors and slow requests of the chosen window. */
export function TrafficCharts({ view }: { view: TrafficView | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const colors = COLORS[useScheme()];

  const lines = useMemo(() => {
    if (view === undefined) return null;
    const nameOf = (name: string) =>
      name === ALL
        ? t('overview.total')
        : name === OTHERS
          ? t('overview.others')
          : name === '-'
            ? t('overview.unrouted')
            : name;
    // A service keeps its colour from chart to chart, whichever is the busiest at the moment.
    const order = view.byService.map(({ service }) => service).sort();
    const colorOf = (name: string) =>
      name === ALL
        ? colors.all
        : (colors.services[order.indexOf(name)] ?? colors.services.at(-1) ?? colors.all);
    const drawn = (line: Line): ChartLine => ({
      label: nameOf(line.name),
      color: colorOf(line.name),
      values: line.values,
      filled: line.name === ALL,
    });
    return {
      rates: view.rates.map(drawn),
      errors: [{ ...drawn(view.errorShare), color: colors.error }],
      slow: view.slow.map(drawn),
      nameOf,
    };
  }, [view, colors, t]);

  if (view === undefined || lines === null) {
    return ['requests', 'errors', 'slow'].map((key) => (
      <section className="card card-body" key={key} aria-busy="true">
        <Skeleton active paragraph={{ rows: 5 }} />
      </section>
    ));
  }
  if (view.isEmpty) {
    return (
      <section className="card wide">
        <Empty title={t('overview.noTraffic')} hint={t('overview.noTrafficHint')} />
      </section>
    );
  }

  const formatMoment = (moment: number) => format.clock(new Date(moment));
  const chart = (
    title: string,
    drawn: ChartLine[],
    formatValue: (value: number) => string,
    atLeast: number,
  ) => (
    <ChartCard title={title} lines={drawn}>
      <LineChart
        summary={summaryOf(title, drawn)}
        moments={view.moments}
        lines={drawn}
        formatValue={formatValue}
        formatMoment={formatMoment}
        formatExactly={(moment) => format.dateTime(new Date(moment))}
        atLeast={atLeast}
      />
    </ChartCard>
  );
  function summaryOf(title: string, drawn: ChartLine[]): string {
    const values = drawn[0]?.values.filter((value) => value !== null) ?? [];
    const say = title === t('overview.chartErrors') ? format.percent : format.rate;
    return t('overview.chartSummary', {
      title,
      max: say(Math.max(0, ...values)),
      last: say(values.at(-1) ?? 0),
    });
  }

  return (
    <>
      {chart(t('overview.chartRequests'), lines.rates, format.rate, 2)}
      {chart(t('overview.chartErrors'), lines.errors, format.percent, 0.02)}
      {chart(t('overview.chartLatency'), lines.slow, format.milliseconds, 20)}
    </>
  );
}

function ChartCard({ title, lines, children }: { title: string; lines: ChartLine[]; children: ReactNode }) {
  return (
    <section className="card">
      <div className="card-head">
        <h2>{title}</h2>
        {lines.length > 1 && (
          <div className="legend" aria-hidden="true">
            {lines.map((line) => (
              <span key={line.label} style={{ '--mark': line.color } as React.CSSProperties}>
                {line.label}
              </span>
            ))}
          </div>
        )}
      </div>
      <div className="card-body" style={{ padding: '8px 12px 12px' }}>
        <Suspense fallback={<div style={{ height: 220 }} />}>{children}</Suspense>
      </div>
    </section>
  );
}
