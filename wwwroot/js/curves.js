// Draws the loss curve of a run with the plotly.js that Plotly.Blazor brings. The server sends at most about a thousand points, as float32.

import { plotly } from './charts.js';

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// The planned end, the epochs and the best baseline: what the curve is on its way to.
function frame(plan, text, line, surface) {
  const shapes = [];
  const annotations = [];
  for (const [index, step] of (plan?.epochs ?? []).entries()) {
    shapes.push({ type: 'line', x0: step, x1: step, yref: 'paper', y0: 0, y1: 1, line: { color: line, width: 1, dash: 'dot' }, layer: 'below' });
    annotations.push({ x: step, y: 0, yref: 'paper', yanchor: 'bottom', xanchor: 'right', text: `epoch ${index + 1}`, showarrow: false, font: { size: 10, color: text } });
  }
  if (plan?.baseline) {
    shapes.push({ type: 'line', xref: 'paper', x0: 0, x1: 1, y0: plan.baseline.loss, y1: plan.baseline.loss, line: { color: text, width: 1.5, dash: 'dash' } });
    annotations.push({ xref: 'paper', x: 1, xanchor: 'right', y: plan.baseline.loss, yanchor: 'bottom', text: `${plan.baseline.name} ${plan.baseline.loss.toFixed(4)}`, showarrow: false, bgcolor: surface, opacity: 0.9, font: { size: 11, color: text } });
  }
  return { shapes, annotations };
}

function layout(plan) {
  const text = colour('--mud-palette-text-secondary');
  const line = colour('--mud-palette-lines-default');
  const axis = { gridcolor: line, linecolor: line, zeroline: false, tickfont: { color: text } };
  return {
    margin: { l: 52, r: 12, t: 8, b: 40 },
    paper_bgcolor: 'transparent',
    plot_bgcolor: 'transparent',
    font: { family: 'Inter, sans-serif', size: 12, color: text },
    showlegend: true,
    legend: { orientation: 'h', x: 1, xanchor: 'right', y: 1.02, yanchor: 'bottom', bgcolor: 'transparent' },
    ...frame(plan, text, colour('--mud-palette-lines-inputs'), colour('--mud-palette-surface')),
    xaxis: { ...axis, title: { text: 'step' }, rangemode: 'tozero', ...(plan?.end ? { range: [0, plan.end * 1.015] } : {}) },
    yaxis: { ...axis, title: { text: 'log loss' } },
    uirevision: 'run',
  };
}

// A mean over a window that grows with the curve: single batches are too noisy to be read.
function smooth(values) {
  const reach = Math.max(1, Math.round(values.length / 40));
  const result = new Array(values.length);
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i];
    if (i >= reach) sum -= values[i - reach];
    result[i] = sum / Math.min(i + 1, reach);
  }
  return result;
}

function paint(element) {
  const { steps, losses, evalSteps, evalLosses } = element.curve;
  const traces = [
    { name: 'training, each step', x: steps, y: losses, mode: 'lines', line: { width: 1, color: colour('--mud-palette-lines-inputs') }, opacity: 0.55, hoverinfo: 'x+y' },
    { name: 'training, mean', x: steps, y: smooth(losses), mode: 'lines', line: { width: 2, color: colour('--mud-palette-primary') }, hoverinfo: 'x+y' },
    { name: 'validation', x: evalSteps, y: evalLosses, mode: 'lines+markers', line: { width: 2, dash: 'dot', color: colour('--mud-palette-warning') }, marker: { size: 8, symbol: 'diamond' }, hoverinfo: 'x+y' },
  ];
  window.Plotly.react(element, traces, layout(element.plan), { displayModeBar: false, responsive: true });
  element.dataset.points = steps.length;
}

/** `plan` says what is ahead: { end, epochs, baseline: { name, loss } }, each of which may be missing. Draws the curve, or draws it again with more points. `numbers` holds steps, losses, evaluation steps and evaluation losses, one after the other. */
export async function draw(element, url, points, evals, numbers, plan) {
  await plotly(url);
  element.plan = plan;
  const all = Array.from(new Float32Array(numbers.slice().buffer));
  element.curve = {
    steps: all.slice(0, points),
    losses: all.slice(points, 2 * points),
    evalSteps: all.slice(2 * points, 2 * points + evals),
    evalLosses: all.slice(2 * points + evals),
  };
  if (!element.watched) {
    element.watched = () => element.isConnected && paint(element);
    document.addEventListener('arena-theme', element.watched);
  }
  paint(element);
}

/** Takes the chart away. */
export function remove(element) {
  document.removeEventListener('arena-theme', element.watched);
  window.Plotly?.purge(element);
}
