# One play of irace on a table; benchmarks/peers_irace.py writes what it reads and reads what it prints.
#
#     Rscript irace.R FOLDER SEED EXPERIMENTS
#
# FOLDER/parameters.txt: the space as irace reads it, values by their places. FOLDER/losses.csv: a row per configuration,
# a column per parameter with the place of its value, then one per training seed with the last loss. Prints the places of
# the best elite's values, in the order of the parameters, and how many experiments were used.
suppressPackageStartupMessages(library(irace))
options(warn = -1)  # that a finite space is used up is no news

given <- commandArgs(trailingOnly = TRUE)
parameters <- readParameters(file.path(given[1], "parameters.txt"))
table <- read.csv(file.path(given[1], "losses.csv"), check.names = FALSE)
places <- apply(table[parameters$names], 1, paste, collapse = " ")
losses <- as.matrix(table[setdiff(names(table), parameters$names)])
used <- 0

run <- function(experiment, scenario) {
  used <<- used + 1
  row <- match(paste(unlist(experiment$configuration[parameters$names]), collapse = " "), places)
  list(cost = losses[row, as.integer(experiment$id.instance)])
}
scenario <- list(
  targetRunner = run, instances = seq_len(ncol(losses)), maxExperiments = as.integer(given[3]),
  seed = as.integer(given[2]), deterministic = TRUE, sampleInstances = FALSE, logFile = "", debugLevel = 0
)
said <- capture.output(elites <- irace(scenario = scenario, parameters = parameters))
cat(unlist(elites[1, parameters$names]), used, "\n")
