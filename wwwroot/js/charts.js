// Draws figures with the plotly.js that Plotly.Blazor brings. Colours are names of CSS variables ("var(--name)", with "/0.3" for an opacity
// behind it), so a figure is drawn again in the other palette when the theme changes.

let loading;

export function plotly(url) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { loading = undefined; reject(new Error('plotly.js could not be loaded')); };
    document.head.append(script);
  });
  return loading;
}

const style = () => getComputedStyle(document.documentElement);

function resolved(value, css) {
  if (typeof value === 'string') {
    const match = /^var\((--[\w-]+)\)(?:\/([\d.]+))?$/.exec(value);
    return match ? faded(css.getPropertyValue(match[1]).trim(), match[2]) : value;
  }
  if (Array.isArray(value)) return value.map(v => resolved(v, css));
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolved(v, css)]));
  return value;
}

function faded(colour, opacity) {
  if (!opacity) return colour;
  const canvas = faded.canvas ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
  return `rgba(${r},${g},${b},${opacity})`;
}

function merged(base, over) {
  const result = { ...base };
  for (const [key, value] of Object.entries(over ?? {})) {
    result[key] = value && typeof value === 'object' && !Array.isArray(value) ? merged(base[key] ?? {}, value) : value;
  }
  return result;
}

function layout(given) {
  const axis = {
    gridcolor: 'var(--mud-palette-lines-default)', linecolor: 'var(--mud-palette-lines-default)', zeroline: false, automargin: true,
    tickfont: { color: 'var(--mud-palette-text-secondary)' },
  };
  const base = {
    margin: { l: 48, r: 14, t: 10, b: 40 },
    paper_bgcolor: 'transparent',
    plot_bgcolor: 'transparent',
    font: { family: 'Inter, sans-serif', size: 12, color: 'var(--mud-palette-text-secondary)' },
    hoverlabel: { bgcolor: 'var(--mud-palette-surface)', bordercolor: 'var(--mud-palette-lines-inputs)', font: { family: 'Inter, sans-serif', color: 'var(--mud-palette-text-primary)' } },
    showlegend: false,
    legend: { orientation: 'h', x: 0, y: 1.02, yanchor: 'bottom', bgcolor: 'transparent' },
    xaxis: axis,
    yaxis: axis,
    dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom',
  };
  return merged(base, given);
}

function paint(element) {
  const css = style();
  const { data, layout: own } = element.figure;

  // plotly.js asks for the height once only; the element's own changes with the number of lines.
  const figure = resolved({ data, layout: { ...layout(own), height: element.clientHeight } }, css);
  window.Plotly.react(element, figure.data, figure.layout, { displayModeBar: false, responsive: true });
  element.dataset.traces = data.length;
}

/** Draws a figure ({ data, layout }, plotly.js's own words) into an element, or draws another into it. */
export async function draw(element, url, figure) {
  await plotly(url);
  if (!element.isConnected) return;
  element.figure = typeof figure === 'string' ? JSON.parse(figure) : figure;
  if (!element.watched) {
    element.watched = () => element.isConnected && paint(element);
    document.addEventListener('arena-theme', element.watched);
  }
  paint(element);
}

/** Takes the chart away. */
export function remove(element) {
  if (!element) return;
  document.removeEventListener('arena-theme', element.watched);
  window.Plotly?.purge(element);
}
