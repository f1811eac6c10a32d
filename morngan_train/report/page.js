'use strict';
(() => {
  const id = (name) => document.getElementById(name);
  const read = (name) => JSON.parse(id(name).textContent);
  const make = (tag, about = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), about);
    element.append(...children);
    return element;
  };
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const short = (value) => (value === null ? '–' : Number(value.toPrecision(3)).toString());

  // Charts: values under the pointer go into the outputs of the legend, or of the caption.

  const nearest = (places, wanted) =>
    places.reduce((best, x, i) => (Math.abs(x - wanted) < Math.abs(places[best] - wanted) ? i : best), 0);

  const watchChart = (chart) => {
    const { x: [low, high], lines, bands } = JSON.parse(chart.dataset.chart);
    const outputs = [...chart.closest('figure').querySelectorAll('output')];
    const atRest = outputs.map((output) => output.textContent);
    const plot = chart.querySelector('.plot');
    const cross = chart.querySelector('.cross');
    const places = lines[0].x;
    let index = 0;

    const show = (i) => {
      index = clamp(i, 0, places.length - 1);
      const place = places[index];
      const band = bands.find(([, from, to]) => from < place && place <= to);
      cross.hidden = false;
      cross.style.left = `${(100 * (place - low)) / (high - low)}%`;
      lines.forEach((line, k) => {
        const where = band ? ` · step ${place}, ${band[0]}` : ` at ${place}`;
        outputs[k].textContent = short(line.y[index]) + (k === lines.length - 1 ? where : '');
      });
    };
    const rest = () => {
      cross.hidden = true;
      outputs.forEach((output, k) => { output.textContent = atRest[k]; });
    };
    plot.addEventListener('pointermove', (event) => {
      const box = plot.getBoundingClientRect();
      show(nearest(places, low + ((event.clientX - box.left) / box.width) * (high - low)));
    });
    plot.addEventListener('pointerleave', rest);
    if (chart.closest('.curve')) {
      chart.tabIndex = 0;
      chart.addEventListener('focus', () => show(index));
      chart.addEventListener('blur', rest);
      chart.addEventListener('keydown', (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 }[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        show(index + step);
      });
    }
  };
  document.querySelectorAll('.chart').forEach(watchChart);

  // Pictures: source 0 is the thermal frame, then come the methods.

  const values = read('values');
  const data = read('embedded');
  if (data === null) return;
  const { frames, thumbnails, uris, pictures, total } = data;
  const { methods, scores } = values;
  const names = ['thermal', ...methods];
  const sources = names.map((_, i) => i).filter((i) => pictures[i] !== null);
  const uri = (source, frame) => uris[pictures[source][frame]];
  const key = (source) => make('i', { className: source === 0 ? 'key' : `key ${color(source - 1)}` });
  const color = (method) => `c${method % 6}${method >= 6 ? ' again' : ''}`;
  const show = (score, value) =>
    (value === null ? '–' : (value * score.factor).toFixed(score.digits).replace('-', '−'));
  const state = { frame: 0, left: sources[0], right: sources.at(-1) };

  const fill = (select, items) => select.replaceChildren(
    ...items.map(([value, text]) => make('option', { value, textContent: text })),
  );

  const drawScores = () => {
    const table = id('frame-scores');
    table.caption.textContent = frames[state.frame];
    const head = make('tr', {}, make('th', { scope: 'col', textContent: 'method' }));
    head.append(...scores.map((score) =>
      make('th', { scope: 'col', textContent: `${score.label}\u00a0${score.higher ? '↑' : '↓'}` })));
    table.tHead.replaceChildren(head);
    table.tBodies[0].replaceChildren(...methods.map((name, m) => make(
      'tr', {},
      make('th', { scope: 'row', title: name }, key(m + 1), name),
      ...scores.map((s) => make('td', { textContent: show(s, s.values[m][state.frame]) })),
    )));
    table.hidden = scores.length === 0;
  };

  const drawSpread = () => {
    const score = scores[0];
    const known = score ? score.values.flat().filter((value) => value !== null) : [];
    id('spread').hidden = known.length === 0;
    if (known.length === 0) return;
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const tick = (value, frame) => {
      const mark = make('i', { className: frame === state.frame ? 'now' : '' });
      mark.style.left = `${(100 * (value - low)) / (high - low || 1)}%`;
      return mark;
    };
    id('spread').ariaLabel = `${score.label} of all frames shown, this one marked`;
    id('spread').replaceChildren(
      make('p', { textContent: `${score.label} of all frames, this one marked` }),
      ...score.values.map((mine, m) => make('div', { className: `track ${color(m)}` },
        ...mine.map((v, frame) => (v === null ? '' : tick(v, frame))))),
      make('p', { className: 'ends' },
        make('span', { textContent: show(score, low) }), make('span', { textContent: show(score, high) })),
    );
  };

  const drawAll = () => {
    id('all').replaceChildren(...sources.map((source) => {
      const figures = source === 0 ? '' : scores
        .map((s) => `${s.label} ${show(s, s.values[source - 1][state.frame])}`).join(' · ');
      return make(
        'figure', {},
        make('img', { src: uri(source, state.frame), alt: `${names[source]}, frame ${frames[state.frame]}` }),
        make('figcaption', {},
          make('span', {}, ...(source ? [key(source)] : []), names[source]),
          make('span', { textContent: figures })),
      );
    }));
  };

  const draw = () => {
    for (const side of ['left', 'right']) {
      const picture = id(`${side}-picture`);
      picture.src = uri(state[side], state.frame);
      picture.alt = `${names[state[side]]}, frame ${frames[state.frame]}`;
      id(`${side}-tag`).textContent = names[state[side]];
      id(side).value = state[side];
    }
    id('frame').value = state.frame;
    id('count').textContent = `${state.frame + 1} of ${frames.length}`;
    id('strip').querySelectorAll('button').forEach((button, i) => {
      if (i === state.frame) button.setAttribute('aria-current', 'true');
      else button.removeAttribute('aria-current');
    });
    drawScores();
    drawSpread();
    drawAll();
  };

  const goTo = (frame) => {
    state.frame = (frame + frames.length) % frames.length;
    draw();
    const strip = id('strip');
    const thumbnail = strip.children[state.frame];
    // Not scrollIntoView: the page itself must stay where it is.
    strip.scrollLeft = thumbnail.offsetLeft - strip.offsetLeft - (strip.clientWidth - thumbnail.clientWidth) / 2;
  };
  const swap = () => {
    [state.left, state.right] = [state.right, state.left];
    draw();
  };
  const moveDivider = () => id('viewer').style.setProperty('--at', `${id('divider').value}%`);

  id('viewer').style.setProperty('--ratio', data.size[0] / data.size[1]);
  fill(id('frame'), frames.map((name, i) => [i, name]));
  for (const side of ['left', 'right']) {
    fill(id(side), sources.map((source) => [source, names[source]]));
    id(side).addEventListener('change', (event) => {
      state[side] = Number(event.target.value);
      draw();
    });
  }
  id('strip').replaceChildren(...frames.map((name, i) => {
    const button = make('button', { type: 'button', title: name },
      make('img', { src: thumbnails[i], alt: name }));
    button.addEventListener('click', () => goTo(i));
    return make('li', {}, button);
  }));
  id('frame').addEventListener('change', (event) => goTo(Number(event.target.value)));
  id('previous').addEventListener('click', () => goTo(state.frame - 1));
  id('next').addEventListener('click', () => goTo(state.frame + 1));
  id('swap').addEventListener('click', swap);
  id('divider').addEventListener('input', moveDivider);
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // These use the keys themselves: choices, the divider, tables that scroll.
    if (event.target.closest('select, input, .wide')) return;
    if (event.key === 'ArrowLeft') goTo(state.frame - 1);
    else if (event.key === 'ArrowRight') goTo(state.frame + 1);
    else if (event.key === 's' || event.key === 'S') swap();
    else return;
    event.preventDefault();
  });

  // Worst and best frames.

  const openFrame = (frame, source) => {
    Object.assign(state, { left: 0, right: source });
    goTo(frame);
    id('pictures').scrollIntoView();
  };

  const ranking = (score, method, ranked) => make('ol', {}, ...ranked.map(({ frame, value }) => {
    const button = make('button', { type: 'button', title: `Open ${frames[frame]}` },
      make('img', { src: uri(method + 1, frame), alt: `${methods[method]}, frame ${frames[frame]}` }),
      make('b', { textContent: show(score, value) }),
      make('span', { textContent: frames[frame] }));
    button.addEventListener('click', () => openFrame(frame, method + 1));
    return make('li', {}, button);
  }));

  const drawExtremes = () => {
    const score = scores[Number(id('by').value)];
    const blocks = [];
    methods.forEach((name, m) => {
      const ranked = score.values[m]
        .map((value, frame) => ({ frame, value }))
        .filter(({ value }) => value !== null)
        .sort((a, b) => (score.higher ? a.value - b.value : b.value - a.value));
      // Raw frames keep all edges: none of them is worse than another.
      if (pictures[m + 1] === null || !ranked.length || ranked[0].value === ranked.at(-1).value) return;
      const many = clamp(Math.floor(ranked.length / 2), 1, 4);
      blocks.push(make('div', { className: 'rank' },
        make('h3', {}, key(m + 1), name),
        make('div', {}, make('h4', { textContent: 'worst' }), ranking(score, m, ranked.slice(0, many))),
        make('div', {}, make('h4', { textContent: 'best' }),
          ranking(score, m, ranked.slice(-many).reverse()))));
    });
    id('extremes-list').replaceChildren(...blocks);
  };

  if (scores.length > 0) {
    fill(id('by'), scores.map((score, i) => [i, score.label]));
    id('by-label').hidden = scores.length < 2;
    id('by').addEventListener('change', drawExtremes);
    const note = id('extremes-none');
    note.textContent = 'A frame opens in the comparison above, beside its thermal original.';
    if (total > frames.length) note.textContent += ` These are of the ${frames.length} frames shown of ${total}; by APCE, of all.`;
    drawExtremes();
  }
  draw();
})();
