//! What was measured, as a picture: how the time of a list grows, and what each step of an agent's life takes.

use std::path::Path;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::measure::{Contender, Part};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SIZE: (u32, u32) = (1120, 440);
const CAPTION: (&str, u32) = ("sans-serif", 18);
const SMALL: (&str, u32) = ("sans-serif", 13);

/// Draws the two parts side by side into an SVG file; what was not measured stays empty.
pub fn draw(path: &Path, lists: Option<&Part>, life: Option<&Part>) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    if let Some(part) = lists {
        growth(&left, part)?;
    }
    if let Some(part) = life {
        steps(&right, part)?;
    }
    root.present()?;
    Ok(())
}

fn colour(contender: Contender) -> RGBColor {
    match contender {
        Contender::Wasm => RGBColor(31, 119, 180),
        Contender::Native => RGBColor(23, 190, 207),
        Contender::Bollard => RGBColor(127, 127, 127),
        Contender::Cli => RGBColor(255, 127, 14),
        Contender::Python => RGBColor(44, 160, 44),
        Contender::Peer => RGBColor(214, 39, 40),
        Contender::Local => RGBColor(148, 103, 189),
        Contender::Limit => RGBColor(188, 189, 34),
    }
}

/// Milliseconds by number of agents, both in powers of ten.
fn growth(area: &Area<'_>, part: &Part) -> Result<()> {
    let points = |contender| {
        let point = |row: &crate::measure::Row| Some((row.size? as f64, row.median(contender)?.0));
        part.rows.iter().filter_map(point).collect::<Vec<_>>()
    };
    let all: Vec<_> = part.contenders().into_iter().flat_map(points).collect();
    let range = |values: &[f64]| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        (least / 1.5..most * 1.5).log_scale()
    };
    if all.is_empty() {
        return Ok(());
    }
    let (sizes, times): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let mut chart = ChartBuilder::on(area)
        .caption("list: ms by number of agents", CAPTION)
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(56)
        .build_cartesian_2d(range(&sizes), range(&times))?;
    chart.configure_mesh().label_style(SMALL).draw()?;
    for contender in part.contenders() {
        let colour = colour(contender);
        chart
            .draw_series(LineSeries::new(points(contender), colour.stroke_width(2)).point_size(3))?
            .label(contender.label())
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 12, y + 4)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .label_font(SMALL)
        .draw()?;
    Ok(())
}

/// Milliseconds by step, a bar for each contender.
fn steps(area: &Area<'_>, part: &Part) -> Result<()> {
    let contenders = part.contenders();
    let medians = part
        .rows
        .iter()
        .flat_map(|row| contenders.iter().filter_map(|who| row.median(*who)));
    let most = medians.map(|(middle, _)| middle).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("one agent's life: ms", CAPTION)
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..part.rows.len() as f64, 0.0..most * 1.15)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .label_style(SMALL)
        .draw()?;
    let width = 0.8 / contenders.len().max(1) as f64;
    for (at, contender) in contenders.iter().enumerate() {
        let bars = part.rows.iter().enumerate().filter_map(|(row, measured)| {
            let left = row as f64 + 0.1 + at as f64 * width;
            let (middle, _) = measured.median(*contender)?;
            Some(Rectangle::new(
                [(left, 0.0), (left + width, middle)],
                colour(*contender).filled(),
            ))
        });
        chart.draw_series(bars)?;
    }
    // Where something is in the whole picture, and where the area is in it.
    let (left, top) = area.get_base_pixel();
    let names = part.rows.iter().enumerate().map(|(row, measured)| {
        let place = chart.backend_coord(&(row as f64 + 0.1, 0.0));
        Text::new(measured.what.clone(), (place.0 - left, place.1 - top + 10), SMALL)
    });
    for name in names {
        area.draw(&name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Row;

    #[test]
    fn each_contender_is_drawn_in_its_colour() {
        let mut lists = Part::new("lists");
        for size in [10, 100] {
            let mut row = Row::new("list").of_size(size);
            row.add(Contender::Wasm, size as f64);
            row.add(Contender::Python, size as f64 * 20.0);
            lists.rows.push(row);
        }
        let mut life = Part::new("life");
        let mut row = Row::new("create");
        row.add(Contender::Bollard, 30.0);
        life.rows.push(row);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("chart.svg");
        draw(&path, Some(&lists), Some(&life)).expect("drawn");
        let text = std::fs::read_to_string(&path).expect("a file");
        for found in ["docker-py", "create", "#1F77B4", "#2CA02C", "#7F7F7F"] {
            assert!(text.contains(found), "{found}: {text}");
        }
        draw(&path, None, None).expect("an empty picture");
    }
}
