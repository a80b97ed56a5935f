-- application: Sakila, MySQL's sample video shop as ported to SQLite (github.com/jOOQ/sakila, BSD); shortened to structure
-- moments: last_update
-- schema
CREATE TABLE actor(actor_id numeric NOT NULL, first_name VARCHAR(45) NOT NULL, last_name VARCHAR(45) NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (actor_id));
CREATE INDEX idx_actor_last_name ON actor(last_name);
CREATE TRIGGER actor_trigger_ai AFTER INSERT ON actor BEGIN UPDATE actor SET last_update = DATETIME('NOW') WHERE rowid = new.rowid; END;
CREATE TRIGGER actor_trigger_au AFTER UPDATE ON actor BEGIN UPDATE actor SET last_update = DATETIME('NOW') WHERE rowid = new.rowid; END;
CREATE TABLE country(country_id SMALLINT NOT NULL, country VARCHAR(50) NOT NULL, last_update TIMESTAMP, PRIMARY KEY (country_id));
CREATE TRIGGER country_trigger_ai AFTER INSERT ON country BEGIN UPDATE country SET last_update = DATETIME('NOW') WHERE rowid = new.rowid; END;
CREATE TABLE city(city_id int NOT NULL, city VARCHAR(50) NOT NULL, country_id SMALLINT NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (city_id),
  CONSTRAINT fk_city_country FOREIGN KEY (country_id) REFERENCES country (country_id) ON DELETE NO ACTION ON UPDATE CASCADE);
CREATE TRIGGER city_trigger_au AFTER UPDATE ON city BEGIN UPDATE city SET last_update = DATETIME('NOW') WHERE rowid = new.rowid; END;
CREATE TABLE film(film_id int NOT NULL, title VARCHAR(255) NOT NULL, description BLOB SUB_TYPE TEXT DEFAULT NULL, release_year VARCHAR(4) DEFAULT NULL, rental_rate DECIMAL(4,2) DEFAULT 4.99 NOT NULL,
  rating VARCHAR(10) DEFAULT 'G', last_update TIMESTAMP NOT NULL, PRIMARY KEY (film_id), CONSTRAINT check_rating CHECK (rating IN ('G', 'PG', 'PG-13', 'R', 'NC-17')));
CREATE TRIGGER film_trigger_ai AFTER INSERT ON film BEGIN UPDATE film SET last_update = DATETIME('NOW') WHERE rowid = new.rowid; END;
CREATE TABLE film_actor(actor_id INT NOT NULL, film_id INT NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (actor_id, film_id),
  CONSTRAINT fk_film_actor_actor FOREIGN KEY (actor_id) REFERENCES actor (actor_id) ON DELETE NO ACTION ON UPDATE CASCADE,
  CONSTRAINT fk_film_actor_film FOREIGN KEY (film_id) REFERENCES film (film_id) ON DELETE NO ACTION ON UPDATE CASCADE);
CREATE TABLE inventory(inventory_id INT NOT NULL, film_id INT NOT NULL, store_id INT NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (inventory_id),
  CONSTRAINT fk_inventory_film FOREIGN KEY (film_id) REFERENCES film (film_id) ON DELETE NO ACTION ON UPDATE CASCADE);
CREATE TABLE customer(customer_id INT NOT NULL, last_name VARCHAR(45) NOT NULL, email VARCHAR(50) DEFAULT NULL, active CHAR(1) DEFAULT 'Y' NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (customer_id));
CREATE TABLE rental(rental_id INT NOT NULL, rental_date TIMESTAMP NOT NULL, inventory_id INT NOT NULL, customer_id INT NOT NULL, return_date TIMESTAMP DEFAULT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (rental_id),
  CONSTRAINT fk_rental_inventory FOREIGN KEY (inventory_id) REFERENCES inventory (inventory_id), CONSTRAINT fk_rental_customer FOREIGN KEY (customer_id) REFERENCES customer (customer_id));
CREATE UNIQUE INDEX idx_rental_uq ON rental (rental_date, inventory_id, customer_id);
CREATE TRIGGER rental_trigger_au AFTER UPDATE ON rental BEGIN UPDATE rental SET last_update = DATETIME('NOW') WHERE rowid = new.rowid; END;
CREATE TABLE payment(payment_id int NOT NULL, customer_id INT NOT NULL, rental_id INT DEFAULT NULL, amount DECIMAL(5,2) NOT NULL, last_update TIMESTAMP NOT NULL, PRIMARY KEY (payment_id),
  CONSTRAINT fk_payment_rental FOREIGN KEY (rental_id) REFERENCES rental (rental_id) ON DELETE SET NULL ON UPDATE CASCADE, CONSTRAINT fk_payment_customer FOREIGN KEY (customer_id) REFERENCES customer (customer_id));
CREATE VIEW film_list AS SELECT film.film_id AS FID, film.title AS title, film.rating AS rating, actor.first_name || ' ' || actor.last_name AS actors
  FROM film JOIN film_actor ON film.film_id = film_actor.film_id JOIN actor ON film_actor.actor_id = actor.actor_id;
INSERT INTO country VALUES (1, 'Afghanistan', '2020-12-23');
INSERT INTO city VALUES (1, 'Kabul', 1, '2020-12-23');
INSERT INTO customer VALUES (1, 'SMITH', 'MARY.SMITH@sakilacustomer.org', 'Y', '2020-12-23'), (2, 'JOHNSON', NULL, 'Y', '2020-12-23');
-- transaction: a film with its actors
1: INSERT INTO film(film_id, title, rating, last_update) VALUES (100 + {n}, 'ACADEMY DINOSAUR {n}', 'PG', '2020-01-01')
1: INSERT INTO actor VALUES (10 * {n}, 'PENELOPE', 'GUINESS {n}', '2020-01-01'), (10 * {n} + 1, 'NICK', 'WAHLBERG', '2020-01-01')
1: INSERT INTO film_actor SELECT actor_id, 100 + {n}, '2020-01-01' FROM actor WHERE actor_id >= 10 * {n}
1: INSERT INTO inventory VALUES (1000 + {n}, 100 + {n}, 1, '2020-01-01')
2: INSERT INTO film(film_id, title, rating, last_update) VALUES (100 + {n}, 'ACADEMY DINOSAUR {n}', 'PG', '2020-01-01')
2: INSERT INTO inventory VALUES (1000 + {n}, 100 + {n}, 2, '2020-01-01')
-- transaction: a rental and its payment
1: INSERT INTO rental VALUES ({n}, '2005-05-2{n} 22:53:30', 1000 + {n}, 1, NULL, '2020-01-01')
1: INSERT INTO payment VALUES ({n}, 1, {n}, 2.99, '2020-01-01')
2: INSERT INTO rental VALUES ({n}, '2005-05-2{n} 22:54:33', 1000 + {n}, 2, NULL, '2020-01-01')
2: INSERT INTO payment VALUES ({n}, 2, {n}, 0.99, '2020-01-01')
-- transaction: it comes back
1: UPDATE rental SET return_date = '2005-06-01' WHERE rental_id = {n} AND return_date IS NULL
2: UPDATE actor SET first_name = upper(first_name) WHERE actor_id < 0
-- transaction: renumbered, with all that hangs on it
1: UPDATE film SET film_id = 500 + {n} WHERE film_id = 100 + {n}
1: UPDATE country SET country_id = country_id + 1
2: UPDATE rental SET rental_id = 50 + {n} WHERE rental_id = {n}
-- transaction: the archive takes rentals out
2: DELETE FROM rental WHERE rental_id = 50 + {n}
1: SELECT title, rating, actors FROM film_list ORDER BY FID, actors
-- transaction, fails: an unknown rating
1: UPDATE film SET rating = 'X' WHERE film_id = 500 + {n}
2: DELETE FROM payment
