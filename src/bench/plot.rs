//! A plot as PNG, with letters of its own: machines without fonts draw it, too.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

/// Its size, in pixels.
const SIZE: (u32, u32) = (1000, 600);
/// Sizes of letters, in pixels.
const TITLE: u32 = 24;
const LABEL: u32 = 18;
const TICK: u32 = 15;
/// Room for the labels at the axes, in pixels.
const LEFT: u32 = 90;
const BELOW: u32 = 60;
/// Room for half of the last number, in pixels.
const RIGHT: u32 = 50;
/// Decades from which on only powers of ten are written on a logarithmic axis: more would not fit.
const WIDE: f64 = 2.0;
/// Above the highest point, as a share of it.
const HEADROOM: f64 = 1.15;
/// Radius of a point, in pixels.
const POINT: u32 = 5;
/// Colours that people who see no red or no green tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 3] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
];

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Above it.
    pub title: String,
    /// Below it, with the unit.
    pub x: String,
    /// Beside it, with the unit.
    pub y: String,
    /// Whether the x axis is logarithmic.
    pub logarithmic: bool,
    /// The lines.
    pub series: Vec<Series>,
}

/// A line with its points.
#[derive(Clone, Debug)]
pub struct Series {
    /// What it is, for the legend.
    pub name: String,
    /// x, y.
    pub points: Vec<(f64, f64)>,
}

/// Writes it into a file.
///
/// # Errors
/// Where there is nothing to draw, or the file cannot be written.
pub fn draw(path: &Path, plot: &Plot) -> anyhow::Result<()> {
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| anyhow!("the font cannot be read"))?;
    let area = BitMapBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let points = || plot.series.iter().flat_map(|series| &series.points);
    let x = |pick: fn(f64, f64) -> f64| points().map(|point| point.0).reduce(pick);
    let (first, last) = x(f64::min)
        .zip(x(f64::max))
        .context("there is nothing to draw")?;
    let top = points().map(|point| point.1).fold(0.0, f64::max) * HEADROOM;
    let y = 0.0..top.max(f64::MIN_POSITIVE);
    if plot.logarithmic {
        // A single number of rows has a place, too.
        let range = (first / 1.5..last * 1.5).log_scale();
        draw_in(&area, plot, range, y)?;
    } else {
        let margin = (last - first).max(1.0) * 0.05;
        let range = (first - margin).max(0.0)..last + margin;
        draw_in(&area, plot, range, y)?;
    }
    area.present()
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}

fn draw_in<X>(
    area: &DrawingArea<BitMapBackend<'_>, Shift>,
    plot: &Plot,
    x: impl plotters::coord::ranged1d::AsRangedCoord<CoordDescType = X, Value = f64>,
    y: std::ops::Range<f64>,
) -> anyhow::Result<()>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(&plot.title, ("sans-serif", TITLE))
        .margin(15)
        .margin_right(RIGHT)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(&plot.x)
        .y_desc(&plot.y)
        .axis_desc_style(("sans-serif", LABEL))
        .label_style(("sans-serif", TICK))
        .x_label_formatter(&|value| x_label(*value, plot))
        .y_label_formatter(&|value| format!("{value}"))
        .light_line_style(WHITE)
        .draw()?;
    // The first line is what it is about: it lies above the others.
    for (series, colour) in plot.series.iter().zip(COLOURS).rev() {
        let line = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(series.points.iter().copied(), line))?
            .label(&series.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], line));
        let dots = series
            .points
            .iter()
            .map(|point| Circle::new(*point, POINT, colour.filled()));
        chart.draw_series(dots)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .label_font(("sans-serif", TICK))
        .draw()?;
    Ok(())
}

/// The number at a line of the x axis, where it has room.
fn x_label(value: f64, plot: &Plot) -> String {
    let x = || plot.series.iter().flat_map(|series| &series.points);
    let widest = x().map(|point| point.0).fold(1.0, f64::max);
    let least = x().map(|point| point.0).fold(widest, f64::min);
    let digits = format!("{value:.0}");
    let fits = match digits.trim_end_matches('0') {
        "1" => true,
        "2" | "5" => (widest / least).log10() < WIDE,
        _ => false,
    };
    if plot.logarithmic && !fits {
        return String::new();
    }
    whole(value)
}

/// 10000000 as 10,000,000.
fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Plot, Series, draw, whole};

    #[test]
    fn numbers_are_grouped() {
        for (value, text) in [(7.0, "7"), (1_000.0, "1,000"), (1e7, "10,000,000")] {
            assert_eq!(whole(value), text);
        }
    }

    #[test]
    fn a_plot_is_a_png_with_something_in_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for logarithmic in [false, true] {
            let path = folder.path().join("plot.png");
            let series = Series {
                name: "p50".to_owned(),
                points: vec![(10.0, 1.0), (1_000.0, 2.0)],
            };
            let plot = Plot {
                title: "A title".to_owned(),
                x: "rows".to_owned(),
                y: "ms".to_owned(),
                logarithmic,
                series: vec![series],
            };
            draw(&path, &plot).expect("it is drawn");
            let bytes = std::fs::read(&path).expect("the file is there");
            assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 4_000);
        }
    }
}
