/** One small chart over time. All charts of a page have one time axis and one cursor. */
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import { feed, history } from "./stats-feed.ts";
import type { FigureName } from "./stats-history.ts";

export interface ChartProps {
  readonly title: string;
  /** By their names in the legend. */
  readonly series: Readonly<Record<string, FigureName>>;
  readonly format: (value: number) => string;
  /** Whether the figures are bytes, whose axis has round steps of its own. */
  readonly isBytes?: boolean;
  /** Where the axis ends at least. */
  readonly max?: number;
}

const height = 132;
/** The axis grows from the one to the other. */
const minWindowSeconds = 60;
const maxWindowSeconds = 300;
/** Steps of an axis of bytes: 1 B to 8 TiB by powers of two. */
const byteSteps = Array.from({ length: 44 }, (_, power) => 2 ** power);
const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const cursor = UPlot.sync("time");

export function Chart(props: ChartProps) {
  const { title, series, format } = props;
  const names = Object.keys(series);
  const figures = Object.values(series);
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef<HTMLSpanElement[]>([]);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const show = (shown: UPlot) => showFigures(shown, figures, latest.current, format);
    let plot = create(element, props, show);
    const redraw = () => {
      const data = dataOf(figures);
      plot.setData(data, false);
      plot.setScale("x", windowOf(data[0]));
      show(plot);
    };
    redraw();
    const recolour = () => {
      plot.destroy();
      plot = create(element, props, show);
      redraw();
    };
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    darkScheme.addEventListener("change", recolour);
    const unfollow = feed.follow(redraw);
    return () => {
      unfollow();
      resize.disconnect();
      darkScheme.removeEventListener("change", recolour);
      plot.destroy();
    };
  }, []);
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <span class="legend">
          {names.map((name, index) => (
            <span key={name} class={`key series-${colourOf(index)}`}>
              {name}{" "}
              <span
                class="figure"
                ref={(element) => {
                  if (element !== null) latest.current[index] = element;
                }}
              >
                –
              </span>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={place} class="plot" aria-hidden="true" />
    </figure>
  );
}

function colourOf(index: number): number {
  return (index % 5) + 1;
}

function dataOf(figures: readonly FigureName[]): UPlot.AlignedData {
  return [history.times as number[], ...figures.map((figure) => history.column(figure) as (number | null)[])];
}

function windowOf(times: ArrayLike<number>): { min: number; max: number } {
  const end = times[times.length - 1] ?? maxWindowSeconds;
  const span = end - (times[0] ?? end);
  return { min: end - Math.min(Math.max(span, minWindowSeconds), maxWindowSeconds), max: end };
}

/** Below the cursor, or else the newest. */
function showFigures(
  plot: UPlot,
  figures: readonly FigureName[],
  places: readonly HTMLSpanElement[],
  format: (value: number) => string,
): void {
  const index = plot.cursor.idx ?? history.times.length - 1;
  for (const [place, figure] of figures.entries()) {
    const value = history.column(figure)[index];
    const element = places[place];
    if (element !== undefined) element.textContent = value == null ? "–" : format(value);
  }
}

function create(
  element: HTMLElement,
  { series, format, max = 0, isBytes = false }: ChartProps,
  onCursor: (plot: UPlot) => void,
): UPlot {
  const colours = getComputedStyle(document.documentElement);
  const colour = (name: string) => colours.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: colour("text-quiet"),
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  const options: UPlot.Options = {
    width: element.clientWidth,
    height,
    legend: { show: false },
    hooks: { setCursor: [onCursor] },
    cursor: { sync: { key: cursor.key }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
    scales: {
      x: { time: true, auto: false },
      y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, max) || 1] },
    },
    axes: [
      { ...axis, space: 70, size: 24, values: "{HH}:{mm}:{ss}" },
      {
        ...axis,
        space: 34,
        size: 64,
        values: (_plot, splits) => splits.map(format),
        ...(isBytes ? { incrs: byteSteps } : {}),
      },
    ],
    series: [
      {},
      ...Object.keys(series).map((name, index) => ({
        label: name,
        stroke: colour(`series-${colourOf(index)}`),
        width: 1.6,
        points: { show: false },
        ...(index === 0 ? { fill: `${colour("series-1")}22` } : {}),
      })),
    ],
  };
  return new UPlot(options, dataOf(Object.values(series)), element);
}
