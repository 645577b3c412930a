# Run in a sandbox: it sees the yearly sums as `inputs`, the standard library, and nothing else of this machine.
from statistics import correlation, linear_regression

years = [row["year"] for row in inputs["years"]]
totals = [row["home"] + row["abroad"] for row in inputs["years"]]
abroad = [row["abroad"] / total for row, total in zip(inputs["years"], totals)]

slope, intercept = linear_regression(years, totals)
share_slope, share_intercept = linear_regression(years, abroad)

result = {
    "perYear": round(slope),
    "line": [{"year": year, "gross": round(intercept + slope * year)} for year in (years[0], years[-1])],
    "fit": round(correlation(years, totals) ** 2, 3),
    "abroadShare": [round(share_intercept + share_slope * year, 3) for year in (years[0], years[-1])],
}
