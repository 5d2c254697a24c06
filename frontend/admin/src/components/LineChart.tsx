import { LineChart as Lines } from 'echarts/charts';
import { GridComponent, TooltipComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';
import { useScheme } from '@/app/appearance';

echarts.use([Lines, GridComponent, TooltipComponent, SVGRenderer]);

export interface ChartLine {
  label: string;
  /** A CSS colour. */
  color: string;
  values: readonly (number | null)[];
  /** Filled down to the axis. */
  filled?: boolean;
}

/** Values over time. Whoever cannot see it reads `summary`. */
export default function LineChart(props: {
  summary: string;
  moments: readonly number[];
  lines: readonly ChartLine[];
  formatValue: (value: number) => string;
  formatMoment: (moment: number) => string;
  /** The same with the date and to the second, for the one moment that is pointed at. */
  formatExactly: (moment: number) => string;
  /**
   * The top of the value axis is at least this, so that noise does not look like a storm. Two, or two with zeros,
   * is divided evenly.
   */
  atLeast: number;
}) {
  const scheme = useScheme();
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts>(null);

  useEffect(() => {
    if (place.current === null) return;
    const drawn = echarts.init(place.current);
    chart.current = drawn;
    const watch = new ResizeObserver(() => drawn.resize());
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      drawn.dispose();
    };
  }, []);

  useEffect(() => {
    const { moments, lines, formatValue, formatMoment, formatExactly, atLeast } = props;
    const ink = inkOf(scheme);
    chart.current?.setOption(
      {
        animation: false,
        textStyle: { fontFamily: ink.font, fontSize: 12 },
        grid: {
          left: 8,
          right: 12,
          top: 14,
          bottom: 4,
          outerBoundsMode: 'same',
          outerBoundsContain: 'axisLabel',
        },
        xAxis: {
          type: 'time',
          // A label every third of the window fits a phone too; on a desk there is room for twice as many.
          splitNumber: (place.current?.clientWidth ?? 0) < 420 ? 3 : 6,
          axisLine: { lineStyle: { color: ink.line } },
          axisTick: { show: false },
          splitLine: { show: false },
          axisLabel: {
            color: ink.text,
            fontSize: 12,
            hideOverlap: true,
            formatter: (value: number) => formatMoment(value),
          },
        },
        yAxis: {
          type: 'value',
          min: 0,
          max: ({ max }: { max: number }) => (max > atLeast ? null : atLeast),
          splitNumber: 3,
          axisLabel: { color: ink.text, fontSize: 12, formatter: (value: number) => formatValue(value) },
          splitLine: { lineStyle: { color: ink.line } },
        },
        tooltip: {
          trigger: 'axis',
          confine: true,
          transitionDuration: 0,
          backgroundColor: ink.raised,
          borderColor: ink.line,
          textStyle: { color: ink.strong, fontSize: 13 },
          axisPointer: {
            lineStyle: { color: ink.text, type: 'solid', width: 1 },
            label: { formatter: ({ value }: { value: unknown }) => formatExactly(Number(value)) },
          },
          valueFormatter: (value: unknown) => (typeof value === 'number' ? formatValue(value) : '–'),
        },
        series: lines.map((line) => ({
          name: line.label,
          type: 'line',
          // A value without neighbours makes no line: it is drawn as a dot.
          symbol: 'circle',
          symbolSize: (_: unknown, { dataIndex }: { dataIndex: number }) =>
            isAlone(line.values, dataIndex) ? 5 : 0,
          connectNulls: false,
          color: line.color,
          lineStyle: { width: 1.75 },
          ...(line.filled ? { areaStyle: { opacity: 0.1 } } : {}),
          data: moments.map((moment, at) => [moment, line.values[at] ?? null]),
        })),
      },
      { replaceMerge: ['series'] },
    );
  }, [props, scheme]);

  return (
    <figure style={{ margin: 0 }}>
      <div ref={place} style={{ height: 220 }} aria-hidden="true" />
      <figcaption className="visually-hidden">{props.summary}</figcaption>
    </figure>
  );
}

function isAlone(values: readonly (number | null)[], at: number): boolean {
  return (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;
}

/** The style sheet's colours: the chart is drawn with attributes, which know no variables. */
function inkOf(_scheme: 'light' | 'dark') {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: of('--ink-3'),
    strong: of('--ink'),
    line: of('--line'),
    raised: of('--raised'),
    font: style.fontFamily,
  };
}
